import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpora import idx, idx_format
from pipeline.errors import CorpusError, ItemError
from pipeline.items import ImageItem
from pipeline.storage import locate
from tests.corpus_builders import idx_bytes, idx_corpus
from tests.packed_builders import emnist_corpus, qmnist_labels


def read(folder: Path) -> list[ImageItem]:
    items = list(idx.items(locate(str(folder))))
    assert all(isinstance(item, ImageItem) for item in items)
    return [item for item in items if isinstance(item, ImageItem)]


@pytest.mark.parametrize("packed", [True, False])
def test_records_labels_and_splits(tmp_path: Path, packed: bool) -> None:
    items = read(idx_corpus(tmp_path, {"train": 12, "t10k": 3}, packed))
    assert [item.split for item in items] == ["test"] * 3 + [""] * 12
    assert [item.label for item in items[3:]] == [str(n % 10) for n in range(12)]
    assert items[3 + 11].item_id == "train-000011"
    assert {(item.container, item.num_bytes) for item in items} == {("idx", 20)}
    record = idx.read_record(items[3 + 11])
    assert record.shape == (5, 4, 1)
    assert record.min() == record.max() == 11


def test_a_lone_file_of_any_name_is_a_whole_corpus(tmp_path: Path) -> None:
    items = read(idx_corpus(tmp_path, {"t10k-0-5000": 2}))
    assert [(item.item_id, item.split) for item in items] == [("t10k-0-5000-000000", ""), ("t10k-0-5000-000001", "")]


def test_a_name_with_a_dot_and_no_labels(tmp_path: Path) -> None:
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx_bytes(np.zeros((2, 3, 3), np.uint8)))
    assert [item.label for item in read(tmp_path)] == ["", ""]


def test_a_file_named_gz_may_be_raw(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(idx_bytes(np.zeros((2, 3, 3), np.uint8)))
    assert len(read(tmp_path)) == 2


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(idx_bytes(np.zeros((2, 3, 3), np.uint8)))
    assert idx.read_record(read(tmp_path)[0]).max() == 0
    path.write_bytes(idx_bytes(np.ones((3, 3, 3), np.uint8)))
    assert idx.read_record(read(tmp_path)[0]).max() == 1


GOOD = idx_bytes(np.zeros((2, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (GOOD[:-1], "promises 2 x 3 x 3 bytes, 17 are there"),
        (GOOD + b"x", "19 are there"),
        (GOOD[:7], "begins with 2051, got 0"),
        (idx_bytes(np.zeros(18, np.uint8)), "begins with 2051, got 2049"),
        (gzip.compress(GOOD, mtime=0)[:-9], "cannot be unpacked"),
        (b"\xff" * 16, "got 4294967295"),
        (GOOD[:4] + struct.pack(">3I", 2**31, 2**31, 4), "promises 2147483648 x 2147483648 x 4 bytes, 0 are there"),
        (GOOD[:4] + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "which is nothing"),
        (GOOD[:4] + b"\xff" * 12 + GOOD[16:], "promises"),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, expected: str) -> None:
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(CorpusError, match=expected):
        read(tmp_path)


def test_labels_of_another_length_are_refused(tmp_path: Path) -> None:
    idx_corpus(tmp_path, {"train": 4}, packed=False)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(3, np.uint8)))
    with pytest.raises(CorpusError, match="4 images, and train-labels-idx1-ubyte 3 labels"):
        read(tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_every_record_is_the_one_that_was_written(tmp_path: Path, packed: bool) -> None:
    images = np.random.default_rng(3).integers(0, 256, (7, 5, 4), np.uint8)
    data = idx_bytes(images)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(data) if packed else data)
    assert np.array_equal(np.stack([idx.read_record(item)[:, :, 0] for item in read(tmp_path)]), images)


def test_a_raw_record_is_read_without_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the whole file was read")

    items = read(idx_corpus(tmp_path, {"train": 12}, packed=False))
    monkeypatch.setattr(idx_format, "array_of", refuse)
    assert idx.read_record(items[7]).max() == 7


def test_a_file_beside_its_gz_is_read_once_and_raw(tmp_path: Path) -> None:
    for packed in (True, False):
        idx_corpus(tmp_path, {"train": 12}, packed)
    items = read(tmp_path)
    assert len(items) == 12
    assert items[0].source.endswith("idx3-ubyte")


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_was_cut_after_it_was_listed_is_the_item_s_failure(tmp_path: Path, packed: bool) -> None:
    item = read(idx_corpus(tmp_path, {"train": 12}, packed))[11]
    idx_corpus(tmp_path, {"train": 11}, packed)
    with pytest.raises(ItemError, match="record 11 of 11"):
        idx.read_record(replace(item, fingerprint="another"))


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_was_damaged_after_it_was_listed_is_the_item_s_failure(tmp_path: Path, packed: bool) -> None:
    item = read(idx_corpus(tmp_path, {"train": 12}, packed))[0]
    path = Path(item.source)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ItemError, match="fetch it again"):
        idx.read_record(replace(item, fingerprint="another"))


def test_emnist_stands_upright_and_has_characters_for_labels(tmp_path: Path) -> None:
    items = read(emnist_corpus(tmp_path))
    assert [item.label for item in items] == ["0", "A"]
    assert idx.read_record(items[1])[:, :, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_emnist_without_its_mapping_has_numbers(tmp_path: Path) -> None:
    emnist_corpus(tmp_path)
    (tmp_path / "emnist-balanced-mapping.txt").unlink()
    assert [item.label for item in read(tmp_path)] == ["0", "10"]


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ("0 48\n", r"no line for the classes \[10\]"),
        ("0 zero\n", "expected lines of"),
        ("7\n", "expected lines of"),
        ("0 48\n10 -1\n", "expected lines of"),
        ("0 48\n10 55296\n", "expected lines of"),
        (f"0 48\n10 {10**20}\n", "expected lines of"),
    ],
)
def test_a_mapping_that_is_wrong_is_named(tmp_path: Path, mapping: str, expected: str) -> None:
    (emnist_corpus(tmp_path) / "emnist-balanced-mapping.txt").write_text(mapping)
    with pytest.raises(CorpusError, match=expected):
        read(tmp_path)


def test_two_divisions_of_emnist_share_pictures_and_are_refused(tmp_path: Path) -> None:
    emnist_corpus(tmp_path)
    emnist_corpus(tmp_path, "letters")
    with pytest.raises(CorpusError, match="divisions balanced, letters, which are selections of the same pictures"):
        read(tmp_path)


def test_qmnist_has_more_than_a_class_in_its_labels(tmp_path: Path) -> None:
    (tmp_path / "qmnist-test-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((3, 2, 2), np.uint8)))
    labels = tmp_path / "qmnist-test-labels-idx2-int.gz"
    labels.write_bytes(gzip.compress(qmnist_labels(np.array([7, 2, 1]))))
    assert [item.label for item in read(tmp_path)] == ["7", "2", "1"]
    labels.write_bytes(qmnist_labels(np.array([7, 2, 1]))[:-1])
    with pytest.raises(CorpusError, match="promises 3 x 8 values of 4 bytes, 95 are there"):
        read(tmp_path)


def test_mnist_is_what_it_is_known_to_be(shared_data: Path) -> None:
    items = read(shared_data / "mnist")
    assert [item.label for item in items[:10]] == list("7210414959")
    assert idx.read_record(items[0]).shape == (28, 28, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_larger_than_any_corpus_is_not_read(
    tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idx_format, "MOST_BYTES", 60)
    idx_corpus(tmp_path, {"train": 12}, packed)
    with pytest.raises(CorpusError, match="more than 60 bytes, which no idx corpus"):
        read(tmp_path)
