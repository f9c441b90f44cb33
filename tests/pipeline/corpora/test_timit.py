from pathlib import Path

import pytest

from pipeline.audio.decode import decode
from pipeline.corpora import timit
from pipeline.corpora.labels.texts import read_text
from pipeline.corpora.labels.times import read_times
from pipeline.items import AudioItem, BadItem
from pipeline.storage import locate
from tests.speech_corpora_builders import timit_corpus, timit_speaker, write_audio


def read(folder: Path) -> list[AudioItem]:
    items = list(timit.items(locate(str(folder))))
    assert all(isinstance(item, AudioItem) for item in items)
    assert len({item.item_id for item in items}) == len(items)
    return [item for item in items if isinstance(item, AudioItem)]


def test_a_sentence_has_its_text_times_speaker_and_dialect(tmp_path: Path) -> None:
    item = read(timit_corpus(tmp_path))[0]
    assert (item.item_id, item.speaker, item.label) == ("TEST/DR1/MDAB0/SA1", "mdab0", "dr1")
    assert (item.language, item.licence) == ("en-us", "LDC93S1")
    assert read_text(item.text_source) == "She had your dark suit in greasy wash water all year."
    phones, words = read_times(item.times_source, 16000)
    assert [phone.start_s for phone in phones] == [0, 0.025, 0.05, 0.075]
    assert [word.word for word in words] == ["she"]
    assert len(decode(Path(item.source), 10).waveform) == 1600
    assert item.fingerprint.count("|") == 3


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("above", ["", "TIMIT", "data"])
def test_either_case_and_a_folder_above_will_do(tmp_path: Path, upper: bool, above: str) -> None:
    timit_corpus(tmp_path / above if above else tmp_path, upper)
    assert timit.detect(locate(str(tmp_path)))
    items = read(tmp_path)
    assert [item.speaker for item in items] == ["mdab0"] * 2 + ["fcjf0"] * 2 + ["mbcg0"] * 2
    assert [item.split for item in items] == ["test"] * 2 + [""] * 4
    assert all(item.text_source and item.times_source and item.fingerprint for item in items)


def test_one_half_alone_is_the_whole_corpus(tmp_path: Path) -> None:
    folder = timit_corpus(tmp_path) / "TEST"
    assert timit.detect(locate(str(folder)))
    assert {item.split for item in read(folder)} == {""}
    timit_speaker(tmp_path / "alone" / "TEST" / "DR1" / "MDAB0")
    assert {item.split for item in read(tmp_path / "alone")} == {""}


def test_no_speaker_is_in_both_splits_and_the_sentences_of_every_speaker_are(tmp_path: Path) -> None:
    items = read(timit_corpus(tmp_path))
    speakers = {split: {item.speaker for item in items if item.split == split} for split in ("", "test")}
    assert not speakers[""] & speakers["test"]
    texts = {split: {read_text(item.text_source) for item in items if item.split == split} for split in ("", "test")}
    assert texts[""] & texts["test"]


def test_a_copy_that_has_each_recording_twice_gives_one_item(tmp_path: Path) -> None:
    folder = timit_speaker(tmp_path / "data" / "TRAIN" / "DR1" / "FCJF0")
    for name in ("SA1", "SX37"):
        write_audio(folder / f"{name}.WAV.wav")
    items = read(tmp_path)
    assert [(item.item_id.rpartition("/")[2], Path(item.source).name) for item in items] == [
        ("SA1", "SA1.WAV"),
        ("SX37", "SX37.WAV"),
    ]


def test_labels_without_audio_are_still_an_item_and_audio_elsewhere_a_bad_one(tmp_path: Path) -> None:
    timit_corpus(tmp_path)
    (tmp_path / "TRAIN" / "DR1" / "FCJF0" / "SA1.WAV").unlink()
    write_audio(tmp_path / "CONVERT" / "a.wav")
    items = list(timit.items(locate(str(tmp_path))))
    missing = next(item for item in items if item.item_id == "TRAIN/DR1/FCJF0/SA1")
    assert isinstance(missing, AudioItem)
    assert missing.fingerprint == ""
    (bad,) = (item for item in items if isinstance(item, BadItem))
    assert bad.item_id == "CONVERT/a.wav"


def test_the_real_sample_is_read_whole(shared_data: Path) -> None:
    folder = shared_data / "timit-sample"
    items = read(folder)
    assert len(items) == len(list(folder.rglob("*.wav"))) == 40
    assert {(item.speaker, item.label) for item in items} == {
        ("fvmh0", "dr1"),
        ("madc0", "dr3"),
        ("ftlg0", "dr5"),
        ("madd0", "dr7"),
    }
    assert {item.licence for item in items} == {"CC BY-NC-SA (NLTK's sample of TIMIT)"}
    assert read_text(items[0].text_source) == "She had your dark suit in greasy wash water all year."
    for item in items:
        phones, words = read_times(item.times_source, 16000)
        assert 0 < phones[-1].end_s <= decode(Path(item.source), 10).duration_s
        assert len(words) > 2


@pytest.mark.parametrize(
    "name", ["DR9/FCJF0/SA1.WAV", "DR1/ann/SA1.WAV", "TRAIN/a.wav", "dr1-ann/sa1.wav", "FCJF0/a.wav"]
)
def test_other_folders_are_none_of_its(tmp_path: Path, name: str) -> None:
    write_audio(tmp_path / name)
    assert not timit.detect(locate(str(tmp_path)))
