"""A picture of a dataset by its item's id: which shard it is in is looked up in 16 bytes a row, made once."""

import hashlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.errors import ItemError
from pipeline.generation.ids import id_hash
from pipeline.image.decode import Pixels
from pipeline.image.quantise import intensities
from pipeline.shards.dataset import DATASET_FILE, Dataset, open_dataset
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import ImageConventions
from pipeline.storage import Location


class RowIndex(NamedTuple):
    """hashes: of all ids, sorted. shards: which shard each is in."""

    dataset: Dataset
    hashes: npt.NDArray[np.uint64]
    shards: npt.NDArray[np.int64]


def picture_row(folder: Location, item_id: str, channels: int) -> tuple[Pixels, str]:
    """Pixels [H, W, C] as intensities, and the SHA-256 of the row's levels. DatasetError, StorageError, ItemError."""
    index = row_index(folder.uri, (folder / DATASET_FILE).fingerprint())
    wanted = np.uint64(id_hash(item_id))
    first, last = np.searchsorted(index.hashes, wanted, "left"), np.searchsorted(index.hashes, wanted, "right")
    for shard in sorted(set(index.shards[first:last].tolist())):
        rows = rows_of_shard(folder.uri, index.dataset.info.digest, shard)
        if item_id in rows:
            return as_pixels(rows[item_id], index.dataset, channels), hashlib.sha256(rows[item_id]).hexdigest()
    raise ItemError("read", f"no item has the id {item_id!r}")


def as_pixels(data: bytes, dataset: Dataset, channels: int) -> Pixels:
    """A row's levels as intensities; ItemError where its colours are not those of the model."""
    conventions = dataset.info.conventions
    assert isinstance(conventions, ImageConventions)
    if conventions.channels != channels:
        raise ItemError("read", f"its pictures have {conventions.channels} channels, and the model's {channels}")
    shape = conventions.height, conventions.width, conventions.channels
    levels = unpack_levels(data, conventions.num_levels).reshape(shape).astype(np.uint8)
    return intensities(levels, conventions.num_levels)


@lru_cache(maxsize=2)
def row_index(uri: str, fingerprint: str) -> RowIndex:
    """Of a dataset of pictures, as its page stands."""
    dataset = open_dataset(Location(uri), "image")
    by_shard = [
        np.array([id_hash(str(name)) for name in table["item_id"].to_pylist()], np.uint64)
        for table in dataset.tables(["item_id"])
    ]
    hashes = np.concatenate([np.zeros(0, np.uint64), *by_shard])
    shards = np.repeat(np.arange(len(by_shard)), [len(part) for part in by_shard])
    order = np.argsort(hashes, kind="stable")
    return RowIndex(dataset, hashes[order], shards[order])


@lru_cache(maxsize=2)
def rows_of_shard(uri: str, digest: str, shard: int) -> dict[str, bytes]:
    """Levels of a shard by item id; kept for the next item. `digest` is the dataset's."""
    table = open_dataset(Location(uri)).read_shard(shard, ["item_id", "levels"])
    return {row["item_id"]: row["levels"] for row in table.to_pylist()}
