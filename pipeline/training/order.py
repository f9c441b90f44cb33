"""The one order of training: a function of dataset, seed and epoch, the same for every number of workers.

Shards are permuted; each run of `shards_in_memory` of them is a group; the windows of a group are permuted together. So
a worker that holds a group's shards can read its part of any batch. Batch s of an epoch is the s-th stretch of that
sequence; the last one of an epoch is smaller, nothing is dropped. Rank r of n takes every n-th window from the r-th.

With buckets, each run of `bucket_batches` batches of that sequence is a pool: its windows are sorted by length and cut
into batches again, and these are permuted. Batches have other windows then, and are as many and as large as before.

The place of any step is found without reading data or going through the steps before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models.counter_random import item_key, philox4x32
from pipeline.training.index import Index, Slot

Entry = TypeVar("Entry")

SHARDS, WINDOWS, ITEMS, BUCKETS = 0, 1, 2, 3
"""What a permutation is of: each draws from numbers of its own."""


@dataclass(frozen=True)
class Buckets:
    """How many batches make a pool (1: none is sorted), and how far back a window's context reaches at most."""

    batches: int = 1
    receptive_field: int = 0

    def length(self, slot: Slot) -> int:
        """How long a window is with what stands before it: about what its row in a batch takes."""
        return slot.num_levels + min(slot.before, self.receptive_field)


@dataclass(frozen=True)
class Epoch:
    """One epoch's order: which shards make each group, and the number of windows up to the start of each group."""

    number: int
    groups: tuple[tuple[int, ...], ...]
    starts: npt.NDArray[np.int64]


class Order:
    """Which windows make each global batch."""

    def __init__(
        self, index: Index, batch_size: int, shards_in_memory: int, seed: int, buckets: Buckets | None = None
    ) -> None:
        if not index.num_windows:
            raise ValueError("an order needs at least one window")
        self.index = index
        self.batch_size = batch_size
        self.shards_in_memory = shards_in_memory
        self.seed = seed
        self.buckets = buckets or Buckets()
        # A batch spans two groups at most but for groups smaller than it; epochs are asked for one after the other.
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)
        self._group = lru_cache(maxsize=2)(self._make_group)
        self._pool = lru_cache(maxsize=2)(self._make_pool)

    @property
    def steps_per_epoch(self) -> int:
        """Batches that hold every window once."""
        return -(-self.index.num_windows // self.batch_size)

    def batch(self, step: int) -> list[Slot]:
        """The global batch of a step, counted from the start of the run."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if self.buckets.batches == 1:
            return self._stretch(epoch, within, 1)
        return self._pool(epoch, within // self.buckets.batches)[within % self.buckets.batches]

    def _stretch(self, epoch: int, batch: int, num_batches: int) -> list[Slot]:
        """The windows of an epoch's sequence from a batch on."""
        first = batch * self.batch_size
        stop = min(first + num_batches * self.batch_size, self.index.num_windows)
        return [self._slot(self._epoch(epoch), at) for at in range(first, stop)]

    def _make_pool(self, epoch: int, pool: int) -> list[list[Slot]]:
        """A pool's batches, each of windows of much the same length, in an order of their own."""
        first, size = pool * self.buckets.batches, self.batch_size
        slots = sorted(self._stretch(epoch, first, self.buckets.batches), key=self.buckets.length)
        batches = [slots[at : at + size] for at in range(0, len(slots), size)]
        numbers = permutation(np.arange(first, first + len(batches)), self.seed, epoch, BUCKETS) - first
        return [batches[number] for number in numbers]

    def _slot(self, epoch: Epoch, at: int) -> Slot:
        group = int(np.searchsorted(epoch.starts, at, side="right")) - 1
        window = int(self._group(epoch.number, group)[at - int(epoch.starts[group])])
        shard = int(np.searchsorted(self.index.starts, window, side="right")) - 1
        return self.index.shards[shard].slot(window - int(self.index.starts[shard]))

    def _make_epoch(self, number: int) -> Epoch:
        shards = permutation(np.arange(len(self.index.shards)), self.seed, number, SHARDS)
        size = self.shards_in_memory
        groups = tuple(tuple(shards[at : at + size].tolist()) for at in range(0, len(shards), size))
        sizes = [sum(self.index.shards[shard].num_windows for shard in group) for group in groups]
        return Epoch(number, groups, np.cumsum([0, *sizes]))

    def _make_group(self, epoch: int, group: int) -> npt.NDArray[np.int64]:
        shards = self._epoch(epoch).groups[group]
        starts = self.index.starts
        windows = np.concatenate([np.arange(starts[shard], starts[shard + 1]) for shard in shards])
        return permutation(windows, self.seed, epoch, WINDOWS)


def share(of: Sequence[Entry], rank: int, size: int) -> Sequence[Entry]:
    """What rank `rank` of `size` takes of a global batch; nothing where there are more ranks than windows."""
    return of[rank::size]


def permutation(numbers: npt.NDArray[np.int64], seed: int, epoch: int, purpose: int) -> npt.NDArray[np.int64]:
    """Numbers in the order of random keys, each a function of (seed, epoch, purpose, number) and of no library."""
    numbers = numbers.astype(np.int64)
    low, high = numbers & 0xFFFFFFFF, numbers >> 32
    counter = tuple(np.broadcast_arrays(low, high, np.int64(purpose), np.int64(epoch)))
    first, second = philox4x32(counter, item_key(seed, "training order"))[:2]  # type: ignore[type-var, arg-type]
    return numbers[np.lexsort((numbers, second, first))]  # type: ignore[arg-type]
