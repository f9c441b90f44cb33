from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.corpora import image_folder
from pipeline.corpora.splits import own_splits
from pipeline.items import BadItem, ImageItem
from pipeline.storage import FileEntry, Location, locate
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


def failures(folder: Path) -> dict[str, str]:
    items = image_folder.items(locate(str(folder)))
    return {item.item_id: item.reason for item in items if isinstance(item, BadItem)}


def test_pictures_that_cannot_be_taken_are_failures_and_other_files_are_not(tmp_path: Path) -> None:
    for name in ("cat/1.png", "beside.jpg"):
        write_png(tmp_path / name)
    for name in ("cat/2.HEIC", "cat/notes.txt", "README.md", "cat/Thumbs.db", "cat/.3.png"):
        (tmp_path / name).write_bytes(b"")
    found = failures(tmp_path)
    assert list(found) == ["beside.jpg", "cat/2.HEIC"]
    assert "lies beside the folders of classes" in found["beside.jpg"]
    assert "expected one of .png" in found["cat/2.HEIC"]


def test_what_lies_beside_the_splits_is_one_failure_a_folder(tmp_path: Path) -> None:
    names = ("train/cat/1.png", "train/loose.png", "test/1.png", "test/2.png", "extra/dog/1.png", "cover.png")
    for name in names:
        write_png(tmp_path / name)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "1.xml").write_bytes(b"")
    found = failures(tmp_path)
    assert sorted(found) == ["cover.png", "extra/", "test/", "train/loose.png"]
    assert "pictures in test/ are not read" in found["test/"]


def test_a_class_may_be_named_as_a_split_is(tmp_path: Path) -> None:
    for name in ("test/1.png", "exam/1.png"):
        write_png(tmp_path / name)
    assert read(tmp_path) == [("exam/1.png", "exam", ""), ("test/1.png", "test", "")]


def test_a_split_in_a_split_is_a_class(tmp_path: Path) -> None:
    for name in ("train/train/1.png", "train/cat/1.png", "test/cat/1.png"):
        write_png(tmp_path / name)
    assert [row[:2] for row in read(tmp_path)] == [
        ("test/cat/1.png", "cat"),
        ("train/cat/1.png", "cat"),
        ("train/train/1.png", "train"),
    ]


def test_items_come_while_the_listing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        write_png(tmp_path / f"class-{number}" / "1.png")
    taken: list[str] = []
    files = Location.files

    def noted(place: Location) -> Iterator[FileEntry]:
        for entry in files(place):
            taken.append(entry.path)
            yield entry

    monkeypatch.setattr(Location, "files", noted)
    first = next(image_folder.items(locate(str(tmp_path))))
    assert isinstance(first, ImageItem)
    assert taken == [first.item_id]
    assert first.num_bytes == (tmp_path / first.item_id).stat().st_size


def test_cifar_as_pictures(shared_data: Path) -> None:
    items = read(shared_data / "cifar10-png")
    assert len(items) == 3000
    assert len({label for _, label, _ in items}) == 10
    assert {split for _, _, split in items} == {""}
