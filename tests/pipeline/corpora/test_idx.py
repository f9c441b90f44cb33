import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpora import idx
from pipeline.errors import CorpusError
from pipeline.items import ImageItem
from pipeline.storage import locate
from tests.corpus_builders import idx_bytes, idx_corpus


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
    assert idx.is_packed(items[0].source)
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
        (gzip.compress(GOOD)[:-9], "cannot be unpacked"),
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


def test_mnist_is_what_it_is_known_to_be(shared_data: Path) -> None:
    items = read(shared_data / "mnist")
    assert [item.label for item in items[:10]] == list("7210414959")
    assert idx.read_record(items[0]).shape == (28, 28, 1)


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_larger_than_any_corpus_is_not_read(
    tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idx, "MOST_BYTES", 60)
    idx_corpus(tmp_path, {"train": 12}, packed)
    with pytest.raises(CorpusError, match="more than 60 bytes, which no idx corpus"):
        read(tmp_path)
