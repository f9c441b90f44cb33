"""Which windows a dataset has: the index columns of its rows in memory, and nothing of their levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, Conventions

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slot:
    """One window of one row: which it is, how many levels it scores, and how many stand before it in its row."""

    shard: int
    row: int
    window: int
    num_levels: int
    before: int = 0


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
        return Slot(self.shard, int(self.rows[at]), window, num_levels, window * self.window)


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


@dataclass(frozen=True)
class Contents:
    """What one pass over a dataset finds: the index of each split asked for, and the licences that its rows name."""

    splits: dict[str, Index]
    licences: tuple[str, ...]


def read_contents(dataset: Dataset, splits: Sequence[str], window: int) -> Contents:
    """Read the index columns, each shard once; `window` is in timesteps and means nothing for images."""
    conventions = dataset.info.conventions
    columns = ["split", "licence", *(["num_timesteps"] if isinstance(conventions, AudioConventions) else [])]
    found: dict[str, list[ShardIndex]] = {split: [] for split in splits}
    licences: set[str] = set()
    for number, table in enumerate(dataset.tables(columns)):
        licences.update(value for value in table["licence"].unique().to_pylist() if value)
        for split, shards in found.items():
            shards.append(index_shard(table, number, split, conventions, window))
    indexes = {split: Index(tuple(shard for shard in shards if shard.num_windows)) for split, shards in found.items()}
    return Contents(indexes, tuple(sorted(licences)))


def index_shard(table: pa.Table, number: int, split: str, conventions: Conventions, window: int) -> ShardIndex:
    """The rows of one shard that belong to the split."""
    rows = np.flatnonzero(table["split"].to_numpy() == split).astype(np.int64)
    if isinstance(conventions, AudioConventions):
        return ShardIndex(number, rows, table["num_timesteps"].to_numpy()[rows].astype(np.int64), window)
    size = conventions.height * conventions.width * conventions.channels
    return ShardIndex(number, rows, np.full(len(rows), size, np.int64), size)
