"""What two splits share: a model that is tested on what it was trained on looks better than it is."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.shards.dataset import Dataset

COLUMNS = {"speakers": ("speaker",), "texts": ("text_normalised", "text"), "contents": ("levels",)}
"""What may be held apart → the columns that tell it, the first that has a value: what was generated has its text as it
was asked for. Contents are shared where two rows have the very same levels."""

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Leak:
    """Values of one kind that two splits share: how many, and one of them."""

    kind: str
    splits: tuple[str, str]
    num_values: int
    example: str

    def __str__(self) -> str:
        """In words."""
        one, other = self.splits
        return f"{one} and {other} share {self.num_values:,} of {self.kind}, {self.example} for one"


def leaks(dataset: Dataset, kinds: Sequence[str]) -> Iterator[Leak]:
    """What the splits share of each kind (a key of `COLUMNS`); a kind that the dataset lacks shares nothing.

    Holds 8 bytes a distinct value and split; two values are taken for one with a chance of n² / 2^65.
    """
    known = {field.name for field in dataset.schema}
    for kind in kinds:
        if columns := [column for column in COLUMNS[kind] if column in known]:
            yield from leaks_of(dataset, kind, columns)


def leaks_of(dataset: Dataset, kind: str, columns: Sequence[str]) -> Iterator[Leak]:
    """The same for one kind."""
    seen = hashes_by_split(dataset, columns)
    for one, other in combinations(sorted(seen), 2):
        shared = np.intersect1d(seen[one], seen[other], assume_unique=True)
        if len(shared):
            yield Leak(kind, (one, other), len(shared), example_of(dataset, columns, int(shared[0])))


def hashes_by_split(dataset: Dataset, columns: Sequence[str]) -> dict[str, Hashes]:
    """The hashes of the values in each split, every one once."""
    found: dict[str, list[Hashes]] = defaultdict(list)
    for table in dataset.tables(["split", *columns]):
        for split, values in by_split(table, columns).items():
            found[split].append(np.unique(np.fromiter(map(hash_of, values), np.uint64, len(values))))
    return {split: np.unique(np.concatenate(parts)) for split, parts in found.items()}


def by_split(table: pa.Table, columns: Sequence[str]) -> dict[str, list[str | bytes]]:
    """A shard's values that are there, by split."""
    found: dict[str, list[str | bytes]] = defaultdict(list)
    for split, value in zip(table["split"].to_pylist(), values_of(table, columns), strict=True):
        if value:
            found[str(split)].append(value)
    return found


def values_of(table: pa.Table, columns: Sequence[str]) -> list[str | bytes | None]:
    """A row's value: of the first of these columns that has one."""
    each = zip(*(table[column].to_pylist() for column in columns), strict=True)
    return [next(filter(None, values), None) for values in each]


def hash_of(value: str | bytes) -> int:
    """64 bits of a value; texts without regard to case."""
    data = value if isinstance(value, bytes) else value.casefold().encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def example_of(dataset: Dataset, columns: Sequence[str], wanted: int) -> str:
    """A value of this hash; of content, the item that has it."""
    for table in dataset.tables(["item_id", *columns]):
        for item_id, value in zip(table["item_id"].to_pylist(), values_of(table, columns), strict=True):
            if value and hash_of(value) == wanted:
                return repr(item_id if isinstance(value, bytes) else value)
    return "none that is left"
