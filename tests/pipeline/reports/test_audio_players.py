import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.companding import decode_levels
from pipeline.reports.audio_players import MOST_SECONDS, player_pairs
from pipeline.reports.spectrogram import LEFT, RIGHT
from pipeline.storage import Location
from tests.pipeline.reports.subject_builders import RATE_HZ, Made, audio_row, tone_levels, write_dataset


def place(folder: Path, name: str) -> Location:
    return Location(str(folder / name))


def heard(uri: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], int]:
    assert uri.startswith("data:audio/wav;base64,")
    waveform, rate = soundfile.read(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    return np.asarray(waveform, np.float64).ravel(), rate


def test_the_player_plays_the_levels(tmp_path: Path) -> None:
    corpus = write_dataset(place(tmp_path, "c"), [audio_row("a")])
    (pair,) = player_pairs(corpus, None, 5)
    assert pair.corpus is not None
    waveform, rate = heard(pair.corpus.wav_uri)
    assert rate == RATE_HZ
    expected = decode_levels(np.frombuffer(tone_levels(1000), np.uint8))
    np.testing.assert_allclose(waveform, expected, atol=2**-15)


def test_each_generated_item_stands_beside_the_corpus_item_of_its_condition(tmp_path: Path) -> None:
    conditions = [(speaker, emotion) for speaker in ("high-1", "low-1") for emotion in ("calm", "excited")]
    corpus_rows = [audio_row(f"c-{s}-{e}", speaker=s, emotion=e, text="red one") for s, e in conditions]
    made_rows = [audio_row(f"g-{s}-{e}", speaker=s, emotion=e) for s, e in reversed(conditions)]
    corpus = write_dataset(place(tmp_path, "c"), corpus_rows)
    made = write_dataset(place(tmp_path, "g"), made_rows, made=Made("generate"))
    pairs = player_pairs(corpus, made, 9)
    assert len(pairs) == 4
    for pair in pairs:
        assert pair.corpus is not None
        assert pair.generated is not None
        assert pair.corpus.item_id.removeprefix("c-") == pair.generated.item_id.removeprefix("g-")
        assert pair.matched_by == "phones, speaker, emotion"
        assert pair.title == "red one"


def test_the_same_words_count_more_than_the_same_voice(tmp_path: Path) -> None:
    rows = [
        audio_row("same-voice", phone=["x", "y"], speaker="high-1", emotion="calm"),
        audio_row("same-words", speaker="low-1", emotion="excited"),
    ]
    corpus = write_dataset(place(tmp_path, "c"), rows)
    made_rows = [audio_row("g", speaker="high-1", emotion="calm")]
    made = write_dataset(place(tmp_path, "g"), made_rows, made=Made("generate"))
    (pair,) = player_pairs(corpus, made, 1)
    assert pair.corpus is not None
    assert pair.corpus.item_id == "same-words"
    assert pair.matched_by == "phones"


def test_between_equals_a_held_out_item_is_taken(tmp_path: Path) -> None:
    rows = [audio_row("seen", speaker="high-1"), audio_row("held-out", speaker="high-1", split="test")]
    corpus = write_dataset(place(tmp_path, "c"), rows)
    made = write_dataset(place(tmp_path, "g"), [audio_row("g", speaker="high-1")], made=Made("generate"))
    (pair,) = player_pairs(corpus, made, 1)
    assert pair.corpus is not None
    assert (pair.corpus.item_id, pair.corpus.note) == ("held-out", "held out")


def test_what_has_nothing_in_common_is_not_put_side_by_side(tmp_path: Path) -> None:
    corpus = write_dataset(place(tmp_path, "c"), [audio_row("c", phone=["x", "y"], speaker="low-1")])
    made = write_dataset(place(tmp_path, "g"), [audio_row("g", speaker="high-1")], made=Made("generate"))
    (pair,) = player_pairs(corpus, made, 1)
    assert pair.corpus is None
    assert pair.generated is not None


def test_conditions_take_turns(tmp_path: Path) -> None:
    rows = [audio_row(f"{speaker}-{n}", speaker=speaker) for speaker in ("high-1", "low-1") for n in range(6)]
    pairs = player_pairs(write_dataset(place(tmp_path, "c"), rows), None, 4)
    assert [pair.condition for pair in pairs] == [("high-1",), ("low-1",), ("high-1",), ("low-1",)]


def test_a_long_item_is_cut_and_says_so(tmp_path: Path) -> None:
    corpus = write_dataset(place(tmp_path, "c"), [audio_row("a", levels=tone_levels(500, 9.0))])
    (pair,) = player_pairs(corpus, None, 1)
    assert pair.corpus is not None
    assert pair.corpus.note == "first 6 s"
    assert pair.corpus.duration_s == 9
    assert len(heard(pair.corpus.wav_uri)[0]) == MOST_SECONDS * RATE_HZ
    assert [mark.name for mark in pair.corpus.phones] == ["a"]  # b sounds from 4.5 to 9, its middle is not shown


def test_phones_stand_under_their_time(tmp_path: Path) -> None:
    (pair,) = player_pairs(write_dataset(place(tmp_path, "c"), [audio_row("a")]), None, 1)
    assert pair.corpus is not None
    at = [100 * (LEFT + (RIGHT - LEFT) * share) for share in (0.25, 0.75)]
    assert [mark.left_percent for mark in pair.corpus.phones] == pytest.approx(at, abs=0.01)


def test_only_the_shards_that_are_shown_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.reports.rows.MOST_ROWS_LOOKED_AT", 4)
    folder = place(tmp_path, "c")
    corpus = write_dataset(folder, [audio_row(f"item-{n}") for n in range(12)])
    (folder / "shards/000002.parquet").write_bytes(b"not to be opened")
    assert len(player_pairs(corpus, None, 9)) == 4
