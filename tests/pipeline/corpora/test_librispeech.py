from pathlib import Path

import pytest

from pipeline.corpora import librispeech
from pipeline.items import AudioItem, BadItem, Item
from pipeline.storage import locate
from tests.speech_corpora_builders import librispeech_corpus, write_audio, write_text


def read(folder: Path) -> list[Item]:
    items = list(librispeech.items(locate(str(folder))))
    assert len({item.item_id for item in items}) == len(items)
    return items


def audio(item: Item) -> AudioItem:
    assert isinstance(item, AudioItem)
    return item


def test_texts_come_from_the_chapter_and_the_sex_from_a_file_with_comments(tmp_path: Path) -> None:
    items = [audio(item) for item in read(librispeech_corpus(tmp_path))]
    assert [item.item_id for item in items] == [
        *("84-7-0000", "84-7-0001"),
        *("121-7-0000", "121-7-0001"),
        *("60-7-0000", "60-7-0001"),
    ]
    assert items[0].source == str(tmp_path / "dev-clean" / "84" / "7" / "84-7-0000.flac")
    assert (items[0].text, items[0].text_normalised) == ("GO DO YOU HEAR", "go do you hear")
    assert [(item.speaker, item.label) for item in items[::2]] == [("84", "F"), ("121", ""), ("60", "M")]
    assert all(item.fingerprint and item.num_bytes for item in items)


@pytest.mark.parametrize(
    ("subsets", "splits"),
    [
        (("train-clean-100", "dev-clean", "test-other"), {"60": "train", "84": "validation", "121": "test"}),
        (("train-clean-5", "dev-clean-2"), {"60": "train", "84": "validation"}),
        (("train-other-500", "test-clean"), {"60": "", "84": "test"}),
        (("train-clean-100", "train-clean-360"), {"60": "", "84": ""}),
        (("dev-other",), {"60": ""}),
    ],
)
def test_subsets_are_splits(tmp_path: Path, subsets: tuple[str, ...], splits: dict[str, str]) -> None:
    items = read(librispeech_corpus(tmp_path, subsets))
    assert {audio(item).speaker: audio(item).split for item in items} == splits


def test_one_subset_s_own_folder_may_be_given(tmp_path: Path) -> None:
    folder = librispeech_corpus(tmp_path) / "dev-clean"
    assert librispeech.detect(locate(str(folder)))
    assert [(item.item_id, audio(item).split) for item in read(folder)] == [("84-7-0000", ""), ("84-7-0001", "")]


def test_what_only_one_side_has_is_still_an_item(tmp_path: Path) -> None:
    chapter = librispeech_corpus(tmp_path, ("dev-clean",)) / "dev-clean" / "60" / "7"
    (chapter / "60-7-0000.flac").unlink()
    write_audio(chapter / "60-7-0009.flac")
    items = [audio(item) for item in read(tmp_path)]
    assert [(item.item_id, bool(item.fingerprint), bool(item.text)) for item in items] == [
        ("60-7-0000", False, True),
        ("60-7-0001", True, True),
        ("60-7-0009", True, False),
    ]


def test_a_broken_line_is_a_failure_and_leaves_its_neighbours(tmp_path: Path) -> None:
    chapter = librispeech_corpus(tmp_path, ("dev-clean",)) / "dev-clean" / "60" / "7"
    (chapter / "60-7.trans.txt").write_bytes(
        b"60-7-0000 GO\r\n60-7-0001 CAF\xc9\n../../etc DO\n60-8-0000 YOU\n60-7-0000 AGAIN\n60-7-/../../x HEAR\n"
    )
    items = read(tmp_path)
    assert [item.item_id for item in items if isinstance(item, AudioItem)] == ["60-7-0000", "60-7-0001"]
    assert audio(items[-2]).text == "GO"
    reasons = [item.reason for item in items if isinstance(item, BadItem)]
    assert [reason.split(",")[0].split(" (")[0] for reason in reasons] == [
        "expected UTF-8 text",
        "expected an utterance of this chapter",
        "expected an utterance of this chapter",
        "the id '60-7-0000' is listed twice",
        "expected an utterance of this chapter",
    ]


def test_a_chapter_that_stands_in_two_subsets_is_told(tmp_path: Path) -> None:
    librispeech_corpus(tmp_path, ("dev-clean",))
    for name in ("60-7-0000.flac", "60-7-0001.flac"):
        write_audio(tmp_path / "test-clean" / "60" / "7" / name)
    bad = [item for item in read(tmp_path) if isinstance(item, BadItem)]
    assert [item.reason for item in bad] == [f"the id '60-7-000{n}' stands in two folders" for n in (0, 1)]


def test_a_chapter_is_held_at_a_time(tmp_path: Path) -> None:
    stream = librispeech.items(locate(str(librispeech_corpus(tmp_path, ("dev-clean", "test-clean")))))
    assert next(stream).item_id == "60-7-0000"
    write_text(tmp_path / "test-clean" / "84" / "7" / "84-7.trans.txt", "84-7-0000 READ LATER\n")
    assert "READ LATER" in [item.text for item in stream if isinstance(item, AudioItem)]


@pytest.mark.parametrize("name", ["84/7/a.flac", "dev-clean/ann/7/84-7.trans.txt", "dev-clean/84-7.trans.txt"])
def test_other_folders_are_none_of_its(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "")
    assert not librispeech.detect(locate(str(tmp_path)))
