"""Recordings that are cut into rows, and items that are pieces of files: offsets kept, times on their sounds."""

import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.audio.companding import encode
from pipeline.errors import ItemError
from pipeline.items import AudioItem, Item, TimedPhone, TimedWord
from pipeline.preparation.audio_row import audio_rows
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig
from pipeline.preparation.fingerprints import completed
from pipeline.shards.plan import cut
from pipeline.shards.schema import AudioConventions
from tests.corpus_builders import tone, write_wav

RATE = 8000
CUT = AudioConfig(sample_rate_hz=RATE, cut="silence")


def rows_of(item: AudioItem, audio: AudioConfig = CUT, phones: Any = "auto") -> list[dict[str, Any]]:
    config = PrepareConfig(audio=audio, speech=SpeechConfig(phones=phones, alignment="uniform"))
    return audio_rows(item, config, AudioConventions(RATE), Counter())


@pytest.fixture
def long_recording(tmp_path: Path) -> Path:
    """Tones of two seconds that begin at 1, 5 and 9 s."""
    wave = np.random.default_rng(0).standard_normal(12 * RATE) * 1e-4
    for start in (1, 5, 9):
        wave[start * RATE : (start + 2) * RATE] += tone(2 * RATE)
    return write_wav(tmp_path / "long.wav", wave)


WORDS = tuple(TimedWord(word, start + 0.1, start + 1.9) for word, start in (("one", 1), ("two", 5), ("three", 9)))
PHONES = tuple(TimedPhone(name, start + 0.2, start + 1.8) for name, start in (("w", 1), ("t", 5), ("θ", 9)))


def test_a_long_recording_is_a_row_a_piece_and_offsets_are_kept(long_recording: Path) -> None:
    rows = rows_of(AudioItem("book", str(long_recording), start_s=0.5, speaker="ann"), phones="off")
    assert [row["item_id"] for row in rows] == ["book#0000", "book#0001", "book#0002"]
    assert [row["source_start_s"] for row in rows] == pytest.approx([1, 5, 9], abs=0.25)
    assert all(row["speaker"] == "ann" for row in rows)
    whole = np.frombuffer(rows_of(AudioItem("book", str(long_recording)), AudioConfig(RATE))[0]["levels"], np.uint8)
    for row in rows:
        start = round(row["source_start_s"] * RATE)
        assert row["levels"] == whole[start : start + row["num_timesteps"]].tobytes()


def test_words_that_fall_into_a_silence_are_counted(long_recording: Path) -> None:
    config, notes = PrepareConfig(audio=CUT, speech=SpeechConfig(phones="off")), Counter[str]()
    for words in (WORDS, (*WORDS, TimedWord("lost", 3.7, 4.3))):
        audio_rows(AudioItem("book", str(long_recording), words=words), config, AudioConventions(RATE), notes)
    assert notes == {"words that lie in a silence which was cut out: in no row": 1}


def test_an_item_that_is_named_as_a_piece_is_told_from_the_pieces_of_others(long_recording: Path) -> None:
    short = str(write_wav(long_recording.with_name("short.wav"), tone(2 * RATE)))
    items = [AudioItem("book", str(long_recording)), AudioItem("book#0000", short), AudioItem("book#0000#0000", short)]
    ids = [row["item_id"] for item in items for row in rows_of(item, phones="off")]
    assert len(ids) == len(set(ids)) == 5
    assert [rows_of(item, AudioConfig(RATE), "off")[0]["item_id"] for item in items] == [item.item_id for item in items]


def test_a_recording_that_is_cut_may_be_longer_than_a_row(long_recording: Path) -> None:
    item = AudioItem("book", str(long_recording))
    short = {"sample_rate_hz": RATE, "max_duration_s": 5.0}
    with pytest.raises(ItemError, match="max_duration_s allows 5 s"):
        rows_of(item, AudioConfig(**short))  # type: ignore[arg-type]
    assert len(rows_of(item, AudioConfig(**short, cut="silence"))) == 3  # type: ignore[arg-type]


def test_words_and_phones_go_with_their_piece(long_recording: Path) -> None:
    rows = rows_of(AudioItem("book", str(long_recording), text="one two three", phones=PHONES, words=WORDS))
    assert [row["text"] for row in rows] == ["one", "two", "three"]
    assert all(row["phones_in_syllable"] == [0, 1, 0] for row in rows)
    for row, phone in zip(rows, PHONES, strict=True):
        assert row["phone"] == ["sil", phone.phone, "sil"]
        start_s = row["source_start_s"] + row["phone_start"][1] / RATE
        assert start_s == pytest.approx(phone.start_s, abs=1.5 / RATE)
        assert row["word"] == [row["text"]]


def test_what_only_words_could_tell_is_null_where_none_are_timed(tmp_path: Path) -> None:
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav", tone(RATE))), phones=(TimedPhone("w", 0.1, 0.9),))
    (row,) = rows_of(item, AudioConfig(sample_rate_hz=RATE))
    assert row["phone"] == ["sil", "w", "sil"]
    assert not {"stress", "word", "word_index", "phrase_index", "phones_in_syllable"} & set(row)
    marked = AudioItem("a", item.source, phones=(TimedPhone("AH1", 0.1, 0.9),))
    (row,) = rows_of(marked, AudioConfig(sample_rate_hz=RATE))
    assert (row["phone"], row["stress"]) == (["sil", "AH", "sil"], [0, 1, 0])


def test_a_text_in_which_nothing_can_be_said_is_counted(tmp_path: Path) -> None:
    notes = Counter[str]()
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav", tone(RATE))), text="?!...")
    config = PrepareConfig(speech=SpeechConfig(alignment="uniform"))
    (row,) = audio_rows(item, config, AudioConventions(RATE), notes)
    assert "phone" not in row
    assert notes["texts in which nothing can be said: their rows have no phones"] == 1


def test_a_text_without_times_cannot_be_shared_out(long_recording: Path) -> None:
    with pytest.raises(ItemError, match="no piece knows its words") as caught:
        rows_of(AudioItem("book", str(long_recording), text="one two three"))
    assert caught.value.stage == "cut"


def test_a_short_recording_stays_one_row_of_its_own_name(tmp_path: Path) -> None:
    (row,) = rows_of(AudioItem("a", str(write_wav(tmp_path / "a.wav", tone(RATE))), text="hi"))
    assert (row["item_id"], row["text"]) == ("a", "hi")


def test_a_piece_of_a_file_is_what_stands_there(long_recording: Path) -> None:
    whole = AudioConfig(sample_rate_hz=RATE)
    item = AudioItem("b", str(long_recording), start_s=5.0, end_s=7.0, phones=(TimedPhone("t", 0.5, 1.0),))
    (row,) = rows_of(item, whole)
    (all_of_it,) = rows_of(AudioItem("a", str(long_recording)), whole)
    assert row["levels"] == all_of_it["levels"][5 * RATE : 7 * RATE]
    assert (row["source_start_s"], row["num_timesteps"]) == (5.0, 2 * RATE)
    assert (row["phone_start"][1], row["phone_end"][1]) == (RATE // 2, RATE)


def test_one_channel_can_be_taken(tmp_path: Path) -> None:
    two = np.stack([tone(RATE), -tone(RATE)], axis=1)
    path = str(write_wav(tmp_path / "two.wav", two))
    (row,) = rows_of(AudioItem("b", path, channel=1), AudioConfig(sample_rate_hz=RATE))
    (other,) = rows_of(AudioItem("a", path, channel=0), AudioConfig(sample_rate_hz=RATE))
    assert row["levels"] != other["levels"]


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_command_is_run_only_if_its_program_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = tone(RATE)
    path = write_wav(tmp_path / "a.wav", wave)
    script(tmp_path, "show", f"#!/bin/sh\necho ran >> {tmp_path}/ran\ncat $1\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    item = AudioItem("a", f"show {path}", container="command")
    with pytest.raises(ItemError, match=r"show is not run unless it is allowed; .* 'audio.allow_programs=\[show\]'"):
        rows_of(item, AudioConfig(sample_rate_hz=RATE))
    assert not (tmp_path / "ran").exists()
    (row,) = rows_of(item, AudioConfig(sample_rate_hz=RATE, allow_programs=("show",)))
    levels = np.frombuffer(row["levels"], np.uint8).astype(int)
    assert np.abs(levels - encode(wave).astype(int)).max() <= 1
    pieces = [AudioItem(f"a{n}", item.source, container="command", start_s=n / 4, end_s=(n + 1) / 4) for n in range(4)]
    allowed = AudioConfig(sample_rate_hz=RATE, allow_programs=("show",))
    assert b"".join(rows_of(piece, allowed)[0]["levels"] for piece in pieces) == row["levels"]
    assert len((tmp_path / "ran").read_text().split()) == 2, "a command is run once for all its pieces in a row"


def test_texts_and_times_in_files_of_their_own_are_read_by_the_worker(tmp_path: Path) -> None:
    source = str(write_wav(tmp_path / "a.wav", tone(RATE), RATE))
    (tmp_path / "a.txt").write_text("Hello  there\n")
    (tmp_path / "a.phn").write_text("0 2000 h#\n2000 6000 hh\n6000 8000 ow\n")
    item = AudioItem("a", source, text_source=f"{tmp_path}/a.txt", times_source=f"{tmp_path}/a.phn")
    (row,) = rows_of(item, AudioConfig(sample_rate_hz=RATE))
    assert row["text"] == "Hello there"
    assert row["phone"] == ["sil", "hh", "ow"]
    assert row["phone_end"] == [2000, 6000, 8000]
    gone = AudioItem("a", source, text_source=f"{tmp_path}/gone.txt")
    with pytest.raises(ItemError, match="does not exist"):
        rows_of(gone, AudioConfig(sample_rate_hz=RATE))


def test_fingerprints_that_the_plan_lacks_are_asked_for_by_the_worker(tmp_path: Path) -> None:
    source = write_wav(tmp_path / "a.wav")
    text = tmp_path / "a.txt"
    text.write_text("hi")
    items: list[Item] = [AudioItem("a", str(source), text_source=str(text)), AudioItem("b", str(source), "1:2")]
    (plan,) = cut(items, 2, {})
    whole = completed(plan)
    first = whole.entries[0]
    assert isinstance(first, AudioItem)
    assert first.fingerprint.count("|") == 1
    assert whole.entries[1] is items[1]
    assert (whole.name, whole.digest) != (plan.name, plan.digest)
    assert completed(plan).digest == whole.digest
    os.utime(text, (1, 1))
    assert completed(plan).digest != whole.digest, "a text that has changed is seen"
    (listed,) = cut(items[1:], 1, {})
    assert completed(listed) is listed
