"""What has been measured of a dataset's rows so far: counts, sums of pictures, chosen items, where ids stand.

Everything adds up exactly (whole numbers, and choices by key), so the parts may come in any order.
"""

from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.against_real.chosen import ChosenItem, smallest
from pipeline.evaluation.against_real.histograms import Counts, Grid


@dataclass(frozen=True)
class Measure:
    """One thing that is counted. Of levels the distance is the Jensen-Shannon divergence, else the Wasserstein-1."""

    name: str
    unit: str
    grid: Grid
    num_series: int = 1
    is_of_levels: bool = False

    @property
    def no_counts(self) -> Counts:
        """None of any value."""
        return np.zeros((self.num_series, self.grid.num_bins), np.int64)


@dataclass(frozen=True, order=True)
class Place:
    """A row: which of the dataset's shards, and which row of that; in the order of the dataset."""

    shard: int
    row: int


@dataclass
class PictureSums:
    """Of the levels of pictures, by place in the picture, and of their squares; whole numbers."""

    num_items: int = 0
    sums: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    squares: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, other: "PictureSums") -> None:
        """Merge."""
        if other.num_items:
            self.sums = self.sums + other.sums if self.num_items else other.sums
            self.squares = self.squares + other.squares if self.num_items else other.squares
            self.num_items += other.num_items


@dataclass
class Half:
    """Half of a dataset's items."""

    num_items: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)
    pictures: PictureSums = field(default_factory=PictureSums)

    def add(self, other: "Half") -> None:
        """Merge."""
        self.num_items += other.num_items
        for name, counts in other.counts.items():
            self.counts[name] = self.counts[name] + counts if name in self.counts else counts
        self.pictures.add(other.pictures)


@dataclass
class Measured:
    """Some rows, measured. places: of items that a copy synthesis needs, by id."""

    halves: tuple[Half, Half] = field(default_factory=lambda: (Half(), Half()))
    chosen: list[ChosenItem] = field(default_factory=list)
    places: dict[str, list[Place]] = field(default_factory=dict)

    @property
    def num_items(self) -> int:
        """Of both halves."""
        return sum(half.num_items for half in self.halves)

    @property
    def whole(self) -> Half:
        """Both halves together."""
        return reduce(merged, self.halves, Half())

    def add(self, other: "Measured", most_items: int) -> None:
        """Merge; of the chosen items the first so many stay."""
        for mine, theirs in zip(self.halves, other.halves, strict=True):
            mine.add(theirs)
        self.chosen = smallest([*self.chosen, *other.chosen], most_items)
        for item_id, places in other.places.items():
            self.places.setdefault(item_id, []).extend(places)


def merged(one: Half, other: Half) -> Half:
    """A half that has both."""
    one.add(other)
    return one
