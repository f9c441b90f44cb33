from pathlib import Path

from pipeline.corpora import fsdd, yesno
from pipeline.items import AudioItem, BadItem
from pipeline.storage import locate
from tests.corpus_builders import fsdd_corpus
from tests.speech_corpora_builders import write_audio, yesno_corpus


def read(folder: Path) -> list[AudioItem]:
    items = list(yesno.items(locate(str(folder))))
    assert all(isinstance(item, AudioItem) for item in items)
    return [item for item in items if isinstance(item, AudioItem)]


def test_the_name_is_the_text(tmp_path: Path) -> None:
    items = read(yesno_corpus(tmp_path))
    assert [item.item_id for item in items] == ["0_0_0_0_1_1_1_1", "0_1_0_1_0_1_0_1", "1_1_1_1_1_1_1_1"]
    no, yes = "\N{HEBREW LETTER LAMED}\N{HEBREW LETTER ALEF}", "\N{HEBREW LETTER KAF}\N{HEBREW LETTER FINAL NUN}"
    assert items[1].text == " ".join([no, yes] * 4)
    assert (items[1].language, items[1].licence) == ("he", "public domain")
    assert items[1].fingerprint


def test_either_folder_may_be_given(tmp_path: Path) -> None:
    folder = yesno_corpus(tmp_path / "waves_yesno")
    assert yesno.detect(locate(str(tmp_path)))
    assert read(tmp_path) == read(folder)


def test_digits_and_yesno_are_told_apart(tmp_path: Path) -> None:
    assert not yesno.detect(locate(str(fsdd_corpus(tmp_path / "fsdd"))))
    assert not fsdd.detect(locate(str(yesno_corpus(tmp_path / "yesno"))))
    write_audio(tmp_path / "seven" / "0_1_0_1_0_1_0.wav")
    assert not yesno.detect(locate(str(tmp_path / "seven")))


def test_other_names_are_bad_items(tmp_path: Path) -> None:
    yesno_corpus(tmp_path)
    write_audio(tmp_path / "0_1_0_1_0_1_0_2.wav")
    assert [item.item_id for item in yesno.items(locate(str(tmp_path))) if isinstance(item, BadItem)] == [
        "0_1_0_1_0_1_0_2.wav"
    ]


def test_the_real_sample_is_read_whole(shared_data: Path) -> None:
    assert len(read(shared_data / "waves_yesno")) == 10
