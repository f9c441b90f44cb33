"""Which windows a dataset has: the index columns of its rows in memory, and nothing of their levels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import ImageConventions

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slot:
    """One window of one row: which it is, and how many levels it scores."""

    shard: int
    row: int
    window: int
    num_levels: int


@dataclass(frozen=True)
class ShardIndex:
    """The rows of one shard that belong to the split: their numbers, levels, and windows up to and with each."""

    shard: int
    rows: Counts
    num_levels: Counts
    window: int

    @cached_property
    def ends(self) -> Counts:
        """The number of windows in the rows up to and with each."""
        return np.cumsum(-(-self.num_levels // self.window))

    @property
    def num_windows(self) -> int:
        """Windows of all its rows."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def slot(self, number: int) -> Slot:
        """Window `number` of the shard."""
        at = int(np.searchsorted(self.ends, number, side="right"))
        window = number - (int(self.ends[at - 1]) if at else 0)
        num_levels = min(self.window, int(self.num_levels[at]) - window * self.window)
        return Slot(self.shard, int(self.rows[at]), window, num_levels)


@dataclass(frozen=True)
class Index:
    """The rows of a split, shard by shard. An image is one window."""

    shards: tuple[ShardIndex, ...]

    @cached_property
    def starts(self) -> Counts:
        """The number that the first window of each shard has in the whole dataset."""
        return np.cumsum([0, *(shard.num_windows for shard in self.shards)])

    @property
    def num_windows(self) -> int:
        """Windows of all shards."""
        return int(self.starts[-1])

    @property
    def num_levels(self) -> int:
        """Levels of all shards: what one epoch scores."""
        return sum(int(shard.num_levels.sum()) for shard in self.shards)

    def row_slots(self, shard_at: int, row_at: int) -> Iterator[Slot]:
        """All windows of one row, by its place in the index."""
        shard = self.shards[shard_at]
        first = int(shard.ends[row_at - 1]) if row_at else 0
        return (shard.slot(number) for number in range(first, int(shard.ends[row_at])))


def read_index(dataset: Dataset, split: str, window: int) -> Index:
    """Read the index columns of every shard; `window` is in timesteps and means nothing for images."""
    conventions = dataset.info.conventions
    shards = []
    for number in range(len(dataset.info.shards)):
        if isinstance(conventions, ImageConventions):
            size = conventions.height * conventions.width * conventions.channels
            shards.append(index_images(dataset, number, split, size))
        else:
            shards.append(index_audio(dataset, number, split, window))
    return Index(tuple(shard for shard in shards if shard.num_windows))


def index_audio(dataset: Dataset, number: int, split: str, window: int) -> ShardIndex:
    """The rows of one shard of audio."""
    table = dataset.read_shard(number, ["split", "num_timesteps"])
    rows = rows_of(table.column("split").to_numpy(), split)
    return ShardIndex(number, rows, table.column("num_timesteps").to_numpy()[rows].astype(np.int64), window)


def index_images(dataset: Dataset, number: int, split: str, size: int) -> ShardIndex:
    """The rows of one shard of images, `size` levels each."""
    rows = rows_of(dataset.read_shard(number, ["split"]).column("split").to_numpy(), split)
    return ShardIndex(number, rows, np.full(len(rows), size, np.int64), size)


def rows_of(splits: npt.NDArray[np.object_], split: str) -> Counts:
    """The numbers of the rows that belong to the split."""
    return np.flatnonzero(splits == split).astype(np.int64)
