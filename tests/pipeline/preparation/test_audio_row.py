import errno
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import soundfile

from pipeline.audio.companding import encode
from pipeline.errors import ItemError, PassingStorageError
from pipeline.items import AudioItem, TimedPhone, TimedWord
from pipeline.preparation.audio_row import audio_rows
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig, SplitConfig
from pipeline.shards.schema import AudioConventions
from pipeline.speech.utterance import Phone, Utterance, Word
from pipeline.storage import Location
from tests.corpus_builders import tone, write_wav

NO_PHONES = SpeechConfig(phones="off")
UNIFORM = SpeechConfig(alignment="uniform")


def row_of(item: AudioItem, audio: AudioConfig | None = None, speech: SpeechConfig = NO_PHONES) -> dict[str, Any]:
    config = PrepareConfig(audio=audio or AudioConfig(sample_rate_hz=8000), speech=speech)
    made = config.audio
    conventions = AudioConventions(made.sample_rate_hz, made.companding, made.num_levels)
    (row,) = audio_rows(item, config, conventions, Counter())
    return row


@pytest.fixture
def fake_espeak(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Phones that are the letters of the text; what was asked is returned."""
    asked: list[tuple[str, str]] = []

    def pronounce(text: str, language: str, method: str) -> Utterance:
        asked.append((text, language))
        return Utterance(((Word(text, tuple((Phone(letter),) for letter in text if letter.isalpha())),),))

    monkeypatch.setattr("pipeline.preparation.speech_columns.pronounce", pronounce)
    return asked


def test_a_row_holds_the_levels_of_the_wave_and_what_the_corpus_says(tmp_path: Path) -> None:
    wave = (tone() * 32768).astype(np.int16)
    path = write_wav(tmp_path / "a.wav", wave)
    row = row_of(AudioItem("a", str(path), speaker="ann", text="Hi", split="test"))
    assert np.frombuffer(row["levels"], np.uint8).tolist() == encode(wave / 32768).tolist()
    assert {name: value for name, value in row.items() if name != "levels"} == {
        "item_id": "a",
        "source": str(path),
        "split": "test",
        "speaker": "ann",
        "emotion": None,
        "language": None,
        "label": None,
        "text": "Hi",
        "text_normalised": "Hi",
        "licence": None,
        "num_timesteps": 1600,
        "sample_rate_hz": 8000,
        "source_start_s": 0.0,
    }


def test_the_rate_is_the_one_asked_for(tmp_path: Path) -> None:
    row = row_of(AudioItem("a", str(write_wav(tmp_path / "a.wav", tone(801)))), AudioConfig(sample_rate_hz=12_000))
    assert (row["num_timesteps"], row["sample_rate_hz"]) == (1202, 12_000)


@pytest.mark.parametrize("from_hz", [8000, 16_000, 22_050])
def test_phones_stay_on_their_sound_after_resampling_and_trimming(tmp_path: Path, from_hz: int) -> None:
    wave = np.concatenate([np.zeros(from_hz // 2), tone(from_hz // 4, from_hz), np.zeros(from_hz // 2)])
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav", wave, from_hz)), phones=(TimedPhone("tone", 0.5, 0.75),))
    speech = SpeechConfig(phones="corpus")
    whole = row_of(item, AudioConfig(sample_rate_hz=8000), speech)
    assert whole["phone"] == ["sil", "tone", "sil"]
    assert (whole["phone_start"], whole["phone_end"]) == ([0, 4000, 6000], [4000, 6000, 10_000])
    trimmed = row_of(item, AudioConfig(sample_rate_hz=8000, trim="silence", trim_margin_s=0.1), speech)
    assert trimmed["num_timesteps"] == pytest.approx(2000 + 1600, abs=160)
    sounding = trimmed["phone_start"][1]
    assert trimmed["phone_end"][0] == sounding
    levels = np.frombuffer(trimmed["levels"], np.uint8).astype(int)
    assert np.abs(levels[: sounding - 10] - 128).mean() < 10 < np.abs(levels[sounding : sounding + 2000] - 128).mean()
    assert trimmed["align_method"] == "corpus"


def test_peaks_are_normalised_when_asked(tmp_path: Path) -> None:
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav", tone() * 0.1)))
    loud = row_of(item, AudioConfig(sample_rate_hz=8000, companding="linear", level="peak", peak_dbfs=0.0))
    levels = np.frombuffer(loud["levels"], np.uint8)
    assert 255 in (int(levels.max()), 255 - int(levels.min()))


def test_auto_takes_the_corpus_s_times_then_espeak_then_nothing(tmp_path: Path, fake_espeak: list[object]) -> None:
    source = str(write_wav(tmp_path / "a.wav"))
    auto = UNIFORM
    timed = row_of(AudioItem("a", source, text="hi", phones=(TimedPhone("h", 0.0, 0.2),)), speech=auto)
    assert (timed["align_method"], timed["phone"]) == ("corpus", ["h"])
    assert not fake_espeak
    said = row_of(AudioItem("a", source, text="Hi!", text_normalised="hi"), speech=auto)
    assert (said["align_method"], said["phone"]) == ("uniform", ["h", "i"])
    assert (said["phone_start"], said["phone_end"]) == ([0, 800], [800, 1600])
    assert "phone" not in row_of(AudioItem("a", source), speech=auto)


def test_the_item_s_language_goes_before_the_configured_one(tmp_path: Path, fake_espeak: list[object]) -> None:
    source = str(write_wav(tmp_path / "a.wav"))
    row_of(AudioItem("a", source, text="hi", language="de"), speech=UNIFORM)
    row_of(AudioItem("a", source, text="hi"), speech=SpeechConfig(alignment="uniform", language="fr-fr"))
    assert fake_espeak == [("hi", "de"), ("hi", "fr-fr")]


def test_each_source_of_phones_can_be_had_alone(tmp_path: Path, fake_espeak: list[object]) -> None:
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav")), text="hi", phones=(TimedPhone("x", 0.0, 0.2),))
    assert row_of(item, speech=SpeechConfig(phones="text", alignment="uniform"))["align_method"] == "uniform"
    assert row_of(item, speech=SpeechConfig(phones="corpus"))["align_method"] == "corpus"
    assert "phone" not in row_of(item, speech=NO_PHONES)
    untimed = AudioItem("a", item.source, text="hi")
    assert "phone" not in row_of(untimed, speech=SpeechConfig(phones="corpus"))


@pytest.mark.parametrize(("alignment", "num_told"), [("hmm", 1), ("uniform", 0)])
def test_phones_that_no_aligner_was_there_for_are_told(
    tmp_path: Path, fake_espeak: list[object], alignment: Literal["hmm", "uniform"], num_told: int
) -> None:
    notes = Counter[str]()
    config = PrepareConfig(speech=SpeechConfig(alignment=alignment))
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav")), text="hi")
    (row,) = audio_rows(item, config, AudioConventions(8000), notes)
    assert row["align_method"] == "uniform"
    assert notes.total() == num_told


def stage_of(item: AudioItem, audio: AudioConfig | None = None) -> str:
    with pytest.raises(ItemError) as caught:
        row_of(item, audio, SpeechConfig(phones="corpus"))
    return caught.value.stage


def test_the_stage_says_where_an_item_failed(tmp_path: Path) -> None:
    good = str(write_wav(tmp_path / "a.wav"))
    silent = str(write_wav(tmp_path / "silent.wav", np.zeros(800)))
    one = str(write_wav(tmp_path / "one.wav", np.zeros(1), 44_100))
    assert stage_of(AudioItem("a", str(tmp_path / "missing.wav"))) == "read"
    assert stage_of(AudioItem("a", str(tmp_path))) == "read"
    assert stage_of(AudioItem("a", "memory://nowhere/missing.wav")) == "read"
    assert stage_of(AudioItem("a", good), AudioConfig(max_duration_s=0.1)) == "decode"
    assert stage_of(AudioItem("a", silent), AudioConfig(trim="silence")) == "trim"
    assert stage_of(AudioItem("a", one)) == "resample"
    assert stage_of(AudioItem("a", good, phones=(TimedPhone("a", 0.0, 9.0),))) == "phones"


def test_a_remote_file_is_prepared_like_a_local_one(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    Location("memory://audio/a.wav").write_bytes(path.read_bytes())
    local, remote = row_of(AudioItem("a", str(path))), row_of(AudioItem("a", "memory://audio/a.wav"))
    assert local["levels"] == remote["levels"]


def test_storage_that_times_out_is_no_fault_of_the_item(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> bytes:
        raise TimeoutError("timed out")

    Location("memory://audio/a.wav").write_bytes(b"any")
    monkeypatch.setattr("pipeline.storage.refusals.WAITS_S", ())
    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", slow)
    with pytest.raises(PassingStorageError, match="timed out"):
        row_of(AudioItem("a", "memory://audio/a.wav"))


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), OSError(errno.EBUSY, "SlowDown")])
def test_a_local_disk_that_does_not_answer_is_no_fault_of_the_item(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> None:
        raise error

    monkeypatch.setattr("pipeline.preparation.reading.decode", slow)
    with pytest.raises(PassingStorageError, match="storage does not answer"):
        row_of(AudioItem("a", str(write_wav(tmp_path / "a.wav"))))


def test_a_file_larger_than_any_item_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Location("memory://audio/large.wav").write_bytes(bytes(101))
    monkeypatch.setattr("pipeline.preparation.reading.MOST_FILE_BYTES", 100)
    monkeypatch.setattr(Location, "read_bytes", None)
    with pytest.raises(ItemError, match="the file has 101 bytes; expected at most 100"):
        row_of(AudioItem("a", "memory://audio/large.wav"))


def test_the_held_out_share_goes_by_the_id(tmp_path: Path) -> None:
    item = AudioItem("a", str(write_wav(tmp_path / "a.wav")))
    config = PrepareConfig(speech=NO_PHONES, split=SplitConfig(1.0))
    assert audio_rows(item, config, AudioConventions(16_000), Counter())[0]["split"] == "validation"


def test_a_text_decides_the_split_wherever_it_stands_and_however_it_is_written(tmp_path: Path) -> None:
    path = str(write_wav(tmp_path / "a.wav"))
    (tmp_path / "a.txt").write_text("Good day.\n")
    config = PrepareConfig(speech=NO_PHONES, split=SplitConfig(0.5, by="text"))
    splits = [
        audio_rows(item, config, AudioConventions(8000), Counter())[0]["split"]
        for name in map(str, range(8))
        for item in (
            AudioItem(f"file-{name}", path, text_source=str(tmp_path / "a.txt")),
            AudioItem(f"item-{name}", path, text="good   day."),
            AudioItem(f"words-{name}", path, words=(TimedWord("Good", 0.0, 0.1), TimedWord("day.", 0.1, 0.2))),
        )
    ]
    assert len(set(splits)) == 1


@pytest.mark.parametrize(("gain", "level", "noted"), [(0.9, "off", 0), (4.0, "off", 1), (4.0, "peak", 0)])
def test_a_recording_beyond_full_scale_is_said_and_a_single_overshoot_is_not(
    tmp_path: Path, gain: float, level: Literal["off", "peak"], noted: int
) -> None:
    wave = (tone() / np.abs(tone()).max() * gain).astype(np.float32)
    wave[7] = 1.01
    soundfile.write(tmp_path / "a.wav", wave, 8000, subtype="FLOAT")
    notes: Counter[str] = Counter()
    config = PrepareConfig(audio=AudioConfig(sample_rate_hz=8000, level=level), speech=NO_PHONES)
    audio_rows(AudioItem("a", str(tmp_path / "a.wav")), config, AudioConventions(8000), notes)
    assert sum(count for note, count in notes.items() if "beyond full scale" in note) == noted
