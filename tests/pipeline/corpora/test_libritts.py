from pathlib import Path

from pipeline.corpora import libritts
from pipeline.items import AudioItem, BadItem
from pipeline.storage import locate
from tests.speech_corpora_builders import libritts_corpus, write_audio, write_text


def read(folder: Path) -> list[AudioItem]:
    items = list(libritts.items(locate(str(folder))))
    assert all(isinstance(item, AudioItem) for item in items)
    return [item for item in items if isinstance(item, AudioItem)]


def test_each_sentence_names_its_normalised_text(tmp_path: Path) -> None:
    items = read(libritts_corpus(tmp_path))
    assert len(items) == 6
    first = items[0]
    folder = tmp_path / "dev-clean" / "84" / "7"
    assert (first.item_id, first.speaker, first.label, first.split) == ("84_7_000001_000000", "84", "F", "validation")
    assert first.source == str(folder / "84_7_000001_000000.wav")
    assert first.text_source == str(folder / "84_7_000001_000000.normalized.txt")
    assert first.fingerprint.count("|") == 1
    assert first.num_bytes == (folder / "84_7_000001_000000.wav").stat().st_size


def test_where_a_text_is_missing_the_other_is_taken(tmp_path: Path) -> None:
    folder = libritts_corpus(tmp_path, ("dev-clean",)) / "dev-clean" / "60" / "7"
    (folder / "60_7_000001_000000.normalized.txt").unlink()
    for text in folder.glob("*_000001.*.txt"):
        text.unlink()
    assert [Path(item.text_source).name for item in read(tmp_path)] == ["60_7_000001_000000.original.txt", ""]


def test_a_text_without_audio_is_still_an_item(tmp_path: Path) -> None:
    folder = libritts_corpus(tmp_path, ("dev-clean",)) / "dev-clean" / "60" / "7"
    (folder / "60_7_000001_000000.wav").unlink()
    item = read(tmp_path)[0]
    assert (item.source, item.fingerprint) == (str(folder / "60_7_000001_000000.wav"), "")


def test_a_sentence_that_stands_in_two_subsets_is_told(tmp_path: Path) -> None:
    libritts_corpus(tmp_path, ("dev-clean",))
    write_audio(tmp_path / "test-clean" / "60" / "7" / "60_7_000001_000000.wav")
    (bad,) = (item for item in libritts.items(locate(str(tmp_path))) if isinstance(item, BadItem))
    assert "stands in two folders" in bad.reason


def test_librispeech_is_none_of_its_and_none_of_librispeech_s(tmp_path: Path) -> None:
    write_text(tmp_path / "dev-clean" / "60" / "7" / "60-7.trans.txt", "")
    assert not libritts.detect(locate(str(tmp_path)))
    write_text(tmp_path / "dev-clean" / "60" / "7" / "60_7_1_0.original.txt", "")
    assert libritts.detect(locate(str(tmp_path)))
