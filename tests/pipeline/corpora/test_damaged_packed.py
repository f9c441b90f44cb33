"""Whatever a packed file holds, reading it gives items, failures of items, or one CorpusError."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from pipeline.corpora import cifar, idx, idx_format, ranges, webdataset
from pipeline.corpora.layout import Layout
from pipeline.corpora.packed import packed_bytes, packed_pixels
from pipeline.errors import CorpusError, ItemError
from pipeline.image.decode import decode
from pipeline.items import BadItem
from pipeline.storage import locate
from tests.corpus_builders import idx_bytes
from tests.mutations import mutations
from tests.packed_builders import CIFAR_LABELS, cifar_record, emnist_corpus, picture_bytes, qmnist_labels, tar_bytes

IMAGES = idx_bytes(np.arange(60, dtype=np.uint8).reshape(5, 4, 3))

TAR = tar_bytes(
    {"a/1.png": picture_bytes(1), "a/1.cls": b"1", "a/2.jpg": picture_bytes(2, "JPEG"), "a/2.json": b'{"label": 2}'}
    | {"n" * 150 + ".png": picture_bytes(3)}
)

FILES: dict[str, tuple[Layout, str, bytes]] = {
    "idx": (idx.LAYOUT, "train-images-idx3-ubyte", IMAGES),
    "gzipped idx": (idx.LAYOUT, "train-images-idx3-ubyte.gz", gzip.compress(IMAGES, mtime=0)),
    "labels of qmnist": (idx.LAYOUT, "train-labels-idx2-int", qmnist_labels(np.arange(5))),
    "mapping of emnist": (idx.LAYOUT, "emnist-balanced-mapping.txt", b"0 48\n10 65 97\n"),
    "cifar": (cifar.LAYOUT, "data_batch_1.bin", b"".join(cifar_record((n,), n) for n in range(3))),
    "names of cifar": (cifar.LAYOUT, "batches.meta.txt", "\n".join(CIFAR_LABELS).encode()),
    "tar": (webdataset.PICTURES_LAYOUT, "a.tar", TAR),
}


def lay_out(folder: Path, kind: str) -> None:
    """What belongs to the file that will be damaged."""
    if kind == "labels of qmnist":
        (folder / "train-images-idx3-ubyte").write_bytes(IMAGES)
    if kind == "mapping of emnist":
        emnist_corpus(folder)
    if kind == "names of cifar":
        (folder / "data_batch_1.bin").write_bytes(FILES["cifar"][2])


def forget() -> None:
    """Copies of one name and length follow each other faster than clocks tick: a fingerprint may come again."""
    for cached in (ranges.block, idx_format.shape_of, idx_format.array_of, idx_format.is_gzip):
        cached.cache_clear()


def outcome(layout: Layout, folder: Path) -> str:
    """What reading a corpus to its end comes to."""
    place = locate(str(folder))
    layout.detect(place)
    try:
        items = list(layout.items(place))
    except CorpusError:
        return "refused"
    failed = False
    for item in items:
        try:
            if isinstance(item, BadItem):
                failed = True
            elif item.container == "tar":
                decode(packed_bytes(item))
            else:
                packed_pixels(item)  # type: ignore[arg-type]
        except ItemError:
            failed = True
    return "failures" if failed else "read"


@pytest.mark.parametrize("kind", FILES)
def test_three_hundred_damaged_copies(tmp_path: Path, kind: str) -> None:
    layout, name, whole = FILES[kind]
    lay_out(tmp_path, kind)
    found = []
    for data in mutations(whole, 300):
        (tmp_path / name).write_bytes(data)
        forget()
        found.append(outcome(layout, tmp_path))
    assert {"refused", "failures"} & set(found), "the copies are hardly damaged"
