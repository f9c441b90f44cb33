import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.corpora import cifar
from pipeline.corpora.detect import find_layout
from pipeline.corpora.ranges import block
from pipeline.errors import CorpusError, ItemError
from pipeline.image.decode import decode
from pipeline.items import BadItem, ImageItem, Item
from pipeline.storage import Location, locate
from tests.packed_builders import CIFAR_LABELS, cifar10_corpus, cifar100_corpus, cifar_pixels, cifar_record


def read(folder: Path) -> list[Item]:
    place = locate(str(folder))
    return list(find_layout(place).items(place))


def pictures(folder: Path) -> list[ImageItem]:
    return [item for item in read(folder) if isinstance(item, ImageItem)]


@pytest.mark.parametrize("below", ["", "cifar-10-batches-bin"])
def test_cifar10(tmp_path: Path, below: str) -> None:
    cifar10_corpus(tmp_path / below, {"data_batch_1.bin": 4, "data_batch_2.bin": 2, "test_batch.bin": 3})
    items = pictures(tmp_path)
    names = [f"data_batch_1-{n:05d}" for n in range(4)] + ["data_batch_2-00000", "data_batch_2-00001"]
    assert [item.item_id for item in items] == [*names, *(f"test_batch-{n:05d}" for n in range(3))]
    assert [item.label for item in items[:4]] == [*CIFAR_LABELS, CIFAR_LABELS[0]]
    assert [item.split for item in items] == [""] * 6 + ["test"] * 3, "validation is left to the hash"
    assert {(item.container, item.num_bytes) for item in items} == {("cifar", 3073)}


def test_planes_become_pixels(tmp_path: Path) -> None:
    items = pictures(cifar10_corpus(tmp_path, {"data_batch_1.bin": 4}))
    for record, item in enumerate(items):
        assert np.array_equal(cifar.read_record(item), cifar_pixels(record))


@pytest.mark.parametrize("below", ["", "cifar-100-binary"])
def test_cifar100_has_its_fine_labels(tmp_path: Path, below: str) -> None:
    items = pictures(cifar100_corpus(tmp_path / below, {"train.bin": 4, "test.bin": 2}))
    assert [item.label for item in items] == ["apple", "aquarium_fish", "apple", "aquarium_fish", "baby", "apple"]
    assert [item.split for item in items] == ["test"] * 2 + [""] * 4
    assert np.array_equal(cifar.read_record(items[5]), cifar_pixels(3))


def test_without_names_classes_are_numbers(tmp_path: Path) -> None:
    (cifar10_corpus(tmp_path / "10", {"test_batch.bin": 3}) / "batches.meta.txt").unlink()
    (cifar100_corpus(tmp_path / "100", {"train.bin": 3}) / "fine_label_names.txt").unlink()
    for name in ("10", "100"):
        assert [(item.label, item.split) for item in pictures(tmp_path / name)] == [("0", ""), ("1", ""), ("2", "")]


def test_a_class_that_is_none_is_the_record_s_failure(tmp_path: Path) -> None:
    cifar10_corpus(tmp_path, {"data_batch_1.bin": 1})
    (tmp_path / "data_batch_1.bin").write_bytes(cifar_record((3,), 0) + cifar_record((2,), 1))
    bad, good = read(tmp_path)
    assert isinstance(bad, BadItem)
    assert (bad.item_id, bad.reason) == ("data_batch_1-00000", "a class of 3; expected one below 3")
    assert isinstance(good, ImageItem)


@pytest.mark.parametrize("data", [b"", cifar_record((1,), 0)[:-1], cifar_record((1,), 0) * 2 + b"x"])
def test_a_torn_file_gives_its_whole_records_and_a_failure(tmp_path: Path, data: bytes) -> None:
    cifar10_corpus(tmp_path, {"data_batch_1.bin": 2})
    (tmp_path / "data_batch_1.bin").write_bytes(data)
    *whole, torn = read(tmp_path)
    assert len(whole) == len(data) // 3073
    assert all(isinstance(item, ImageItem) for item in whole)
    assert isinstance(torn, BadItem)
    assert torn.reason == (f"{len(data) % 3073} bytes after {len(whole)} records of 3073: it is torn, fetch it again")


class Trap:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("below", "names"),
    [
        ("", ["data_batch_1", "test_batch", "batches.meta"]),
        ("cifar-10-batches-py", ["data_batch_1", "test_batch", "batches.meta"]),
        ("", ["train", "test", "meta"]),
        ("cifar-100-python", ["train", "test", "meta"]),
    ],
)
def test_the_pickled_version_is_refused_and_never_unpickled(tmp_path: Path, below: str, names: list[str]) -> None:
    corpus = tmp_path / "corpus"
    (corpus / below).mkdir(parents=True)
    for name in names:
        (corpus / below / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung"), protocol=2))
    with pytest.raises(CorpusError, match=r"to unpickle a file is to run .* fetch cifar-10-binary.tar.gz"):
        read(corpus)
    assert not (tmp_path / "sprung").exists()


def test_other_folders_are_not_taken_for_cifar(tmp_path: Path) -> None:
    for name in ("train", "test", "meta"):
        (tmp_path / "a" / name / "cat").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "train.bin").write_bytes(b"weights")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "meta").write_text("text")
    assert not any(cifar.detect(locate(str(tmp_path / name))) for name in "abc")


def test_both_in_one_folder_are_refused(tmp_path: Path) -> None:
    cifar10_corpus(tmp_path / "cifar-10-batches-bin", {"data_batch_1.bin": 1})
    cifar100_corpus(tmp_path / "cifar-100-binary", {"train.bin": 1})
    with pytest.raises(CorpusError, match="holds both CIFAR-10 and CIFAR-100"):
        read(tmp_path)


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (cifar10_corpus(tmp_path, {"data_batch_1.bin": 1}) / "batches.meta.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CorpusError, match="expected names of classes in UTF-8"):
        read(tmp_path)


def test_a_file_that_was_cut_after_it_was_listed_is_the_item_s_failure(tmp_path: Path) -> None:
    item = pictures(cifar10_corpus(tmp_path, {"data_batch_1.bin": 2}))[1]
    (tmp_path / "data_batch_1.bin").write_bytes(cifar_record((0,), 0) + b"\0" * 3000)
    block.cache_clear()
    with pytest.raises(ItemError, match="record 1 is not there"):
        cifar.read_record(item)


def test_a_whole_file_is_listed_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(cifar_record((1,), 0) * 10_000)
    assert (tmp_path / "data_batch_1.bin").stat().st_size == 30_730_000
    longest: list[int] = []
    read_range = Location.read_range

    def noted(place: Location, start: int, num_bytes: int) -> bytes:
        longest.append(num_bytes)
        return read_range(place, start, num_bytes)

    monkeypatch.setattr(Location, "read_range", noted)
    items = pictures(tmp_path)
    assert len(items) == 10_000
    assert {item.label for item in items} == {"1"}
    assert max(longest) <= 4 * 2**20
    assert len(longest) < 20


def test_real_pictures_are_the_same_from_planes_and_from_png(tmp_path: Path, shared_data: Path) -> None:
    files = sorted((shared_data / "cifar10-png" / "train").glob("*/*.png"))[::150]
    pictures_of = [decode(file.read_bytes()) for file in files]
    records = (bytes([n % 10]) + it.transpose(2, 0, 1).tobytes() for n, it in enumerate(pictures_of))
    (tmp_path / "data_batch_1.bin").write_bytes(b"".join(records))
    items = pictures(tmp_path)
    assert len(items) == len(files) == 20
    for item, expected in zip(items, pictures_of, strict=True):
        assert np.array_equal(cifar.read_record(item), expected)
