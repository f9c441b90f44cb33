from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpora.detect import find_layout
from pipeline.corpora.packed import packed_bytes, packed_pixels
from pipeline.image.decode import decode
from pipeline.items import AudioItem, ImageItem
from pipeline.storage import locate
from tests.corpus_builders import idx_corpus
from tests.packed_builders import (
    cifar10_corpus,
    cifar_pixels,
    picture_bytes,
    recording_bytes,
    webdataset_corpus,
    write_tar,
)


def last(folder: Path) -> AudioItem | ImageItem:
    place = locate(str(folder))
    *_, item = find_layout(place).items(place)
    assert isinstance(item, AudioItem | ImageItem)
    return item


def test_pixels(tmp_path: Path) -> None:
    idx = last(idx_corpus(tmp_path / "idx", {"train": 12}))
    cifar = last(cifar10_corpus(tmp_path / "cifar", {"test_batch.bin": 2}))
    assert isinstance(idx, ImageItem)
    assert isinstance(cifar, ImageItem)
    assert packed_pixels(idx).tolist() == [[[11]] * 4] * 5
    assert packed_pixels(cifar).tolist() == cifar_pixels(1).tolist()


def test_files(tmp_path: Path) -> None:
    assert decode(packed_bytes(last(webdataset_corpus(tmp_path / "pictures")))).max() == 12
    (tmp_path / "recordings").mkdir()
    write_tar(tmp_path / "recordings" / "a.tar", {"1.wav": recording_bytes(3)})
    assert packed_bytes(last(tmp_path / "recordings")) == recording_bytes(3)
    table = pa.table({"image": [{"bytes": picture_bytes(n), "path": f"{n}.png"} for n in range(3)], "label": [0, 1, 2]})
    (tmp_path / "rows").mkdir()
    pq.write_table(table, tmp_path / "rows" / "train-00000-of-00001.parquet")
    assert packed_bytes(last(tmp_path / "rows")) == picture_bytes(2)


def test_a_container_of_another_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="holds no files"):
        packed_bytes(ImageItem("a", "b", container="idx"))
    with pytest.raises(ValueError, match="holds no pixels"):
        packed_pixels(ImageItem("a", "b", container="tar"))
