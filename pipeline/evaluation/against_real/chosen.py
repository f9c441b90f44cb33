"""A number of items chosen by their ids alone: the same ones in any order, however the shards are cut.

Each item has a key, a hash of (seed, id); the items with the smallest keys are taken. So a choice of each shard is
enough to make the choice of all, and what is kept is bounded.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

NUM_KEYS = 2**64
MARGIN = 2
"""Of the keys that a choice is likely to need: shards send twice as many items as are taken, and not all they have."""
FEWEST = 64
"""So many or more, where `MARGIN` leaves no doubt (the count of keys below a bound is binomial)."""


@dataclass(frozen=True)
class ChosenItem:
    """An item that others are held against. digest: of its levels. descriptor: [C, H, W] uint8."""

    key: int
    item_id: str
    digest: bytes
    descriptor: NDArray[np.uint8]
    attributes: Mapping[str, str]


def key_of(item_id: str, seed: int) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{item_id}".encode(), digest_size=8).digest(), "big")


def half_of(item_id: str) -> int:
    """0 or 1: which half of its dataset an item belongs to where one half is held against the other."""
    return hashlib.blake2b(item_id.encode(), digest_size=1, person=b"half").digest()[0] & 1


def key_bound(most: int, num_items: int) -> int:
    """Below this lie the keys of the `most` items that are taken out of so many, and of not many more."""
    return min(NUM_KEYS, NUM_KEYS * MARGIN * max(most, FEWEST) // max(num_items, 1))


def smallest(items: Iterable[ChosenItem], most: int) -> list[ChosenItem]:
    """The chosen, in the order of their keys; of equal keys by id."""
    return nsmallest(most, items, key=lambda item: (item.key, item.item_id))
