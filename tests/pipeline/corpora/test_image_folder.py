from pathlib import Path

import pytest

from pipeline.corpora import image_folder
from pipeline.corpora.splits import own_splits
from pipeline.items import ImageItem
from pipeline.storage import Location, locate
from tests.corpus_builders import write_png


def read(folder: Path) -> list[tuple[str, str, str]]:
    items = list(image_folder.items(locate(str(folder))))
    assert all(isinstance(item, ImageItem) for item in items)
    return [(item.item_id, item.label, item.split) for item in items if isinstance(item, ImageItem)]


def test_folders_are_classes_in_sorted_order(tmp_path: Path) -> None:
    for name in ("dog/2.png", "cat/1.PNG", "cat/deep er/ü.png", "cat/notes.txt", ".hidden/1.png"):
        write_png(tmp_path / name.replace(".txt", ".png").replace(".PNG", ".png"))
    (tmp_path / "cat" / "1.png").rename(tmp_path / "cat" / "1.PNG")
    (tmp_path / "cat" / "notes.png").rename(tmp_path / "cat" / "notes.txt")
    assert read(tmp_path) == [("cat/1.PNG", "cat", ""), ("cat/deep er/ü.png", "cat", ""), ("dog/2.png", "dog", "")]


def test_three_splits_are_the_corpus_s_own(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_png(tmp_path / split / "cat" / "1.png")
    assert read(tmp_path) == [
        ("test/cat/1.png", "cat", "test"),
        ("train/cat/1.png", "cat", "train"),
        ("val/cat/1.png", "cat", "validation"),
    ]


def test_train_and_test_leave_validation_to_the_hash(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_png(tmp_path / split / "cat" / "1.png")
    assert [row[2] for row in read(tmp_path)] == ["test", ""]


def test_one_split_alone_is_the_whole_corpus(tmp_path: Path) -> None:
    write_png(tmp_path / "train" / "cat" / "1.png")
    assert read(tmp_path) == [("train/cat/1.png", "cat", "")]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["Train", "valid"], {"Train": "train", "valid": "validation"}),
        (["dev", "test"], {"dev": "validation", "test": "test"}),
        (["train", "training"], {"train": "", "training": ""}),
        ([], {}),
    ],
)
def test_split_names(found: list[str], expected: dict[str, str]) -> None:
    assert own_splits(found) == expected


def test_each_folder_is_listed_up_to_the_first_that_holds_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        write_png(tmp_path / f"class-{number}" / "1.png")
    listed: list[str] = []
    names = Location.names

    def counted(place: Location) -> list[str]:
        listed.append(place.name)
        return names(place)

    monkeypatch.setattr(Location, "names", counted)
    assert image_folder.detect(locate(str(tmp_path)))
    assert sorted({name for name in listed if name.startswith("class-")}) == ["class-0"]


def test_folders_of_folders_of_pictures_are_no_classes(tmp_path: Path) -> None:
    write_png(tmp_path / "pictures" / "cat" / "1.png")
    assert not image_folder.detect(locate(str(tmp_path)))
    assert image_folder.detect(locate(str(tmp_path / "pictures")))
    write_png(tmp_path / "train" / "pictures" / "cat" / "1.png")
    assert not image_folder.detect(locate(str(tmp_path)))
