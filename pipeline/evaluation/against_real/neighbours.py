"""How near generated items come to training items, and how far they lie from each other.

Axes: Q query, R reference, D value of a descriptor.

Distances are Euclidean between descriptors, squared and exact: whole numbers below 2⁵³ in float64, whatever the order
of the sums. A copy is told by equal levels. That a generated item is as near to the training items as a held-out one is
what to expect; nearer means memory (Meehan et al. 2020, "A non-parametric test to detect data-copying in generative
models", whose statistic is `nearer_share`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.against_real.chosen import ChosenItem
from pipeline.evaluation.against_real.descriptors import descriptor_of, levels_digest
from pipeline.shards.schema import Conventions

Squares = NDArray[np.int64]
REFERENCES_AT_ONCE = 1024


@dataclass(frozen=True)
class Query:
    """What others are held against: descriptors [Q, D] uint8, and the digests of the levels."""

    descriptors: NDArray[np.uint8]
    digests: tuple[bytes, ...]


@dataclass
class Nearest:
    """Of each query: the squared distance to the nearest reference so far, its id, whether one has the same levels."""

    squares: Squares
    item_ids: list[str]
    is_copied: NDArray[np.bool_]

    def add(self, other: "Nearest") -> None:
        """Merge; of references equally near the one of the smaller id."""
        for place in range(len(self.item_ids)):
            mine, theirs = (self.squares[place], self.item_ids[place]), (other.squares[place], other.item_ids[place])
            if theirs < mine:
                self.squares[place], self.item_ids[place] = theirs
        self.is_copied |= other.is_copied


def query_of(items: Sequence[ChosenItem]) -> Query:
    """Chosen items as queries."""
    flat = [item.descriptor.ravel() for item in items]
    return Query(np.stack(flat) if flat else np.zeros((0, 0), np.uint8), tuple(item.digest for item in items))


def no_neighbours(query: Query) -> Nearest:
    """Nothing is near yet."""
    count = len(query.digests)
    return Nearest(np.full(count, np.iinfo(np.int64).max), [""] * count, np.zeros(count, bool))


def nearest(query: Query, rows: Sequence[Mapping[str, Any]], conventions: Conventions) -> Nearest:
    """The nearest of a shard's rows to each query."""
    found = no_neighbours(query)
    if not query.digests:
        return found
    ordered = sorted(rows, key=lambda row: row["item_id"])  # so that of equals the smaller id is the first
    for start in range(0, len(ordered), REFERENCES_AT_ONCE):
        some = ordered[start : start + REFERENCES_AT_ONCE]
        squares = squared_distances(query.descriptors, np.stack([descriptor_of(r, conventions).ravel() for r in some]))
        best = squares.argmin(1)
        ids = [some[number]["item_id"] for number in best]
        digests = {levels_digest(row) for row in some}
        copied = np.array([digest in digests for digest in query.digests])
        found.add(Nearest(squares[np.arange(len(best)), best], ids, copied))
    return found


def squared_distances(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> Squares:
    """[Q, D] and [R, D] to [Q, R], exact."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * (a @ b.T)
    result: Squares = squares.astype(np.int64)
    return result


def rms_distances(squares: Squares, num_values: int, full_scale: float) -> NDArray[np.float64]:
    """Squared distances as root mean squares over the values, in the unit of `full_scale`."""
    result: NDArray[np.float64] = np.sqrt(squares / num_values) * full_scale
    return result


def nearer_share(generated: Squares, held_out: Squares) -> float:
    """How likely a generated item is nearer to the training items than a held-out one; of equals half count.

    0.5 where both are as near; 1 where every generated item is nearer. (Mann and Whitney's U over the number of pairs.)
    """
    ordered = np.sort(held_out)
    above = len(ordered) - np.searchsorted(ordered, generated, side="right")
    equal = np.searchsorted(ordered, generated, side="right") - np.searchsorted(ordered, generated, side="left")
    return float((above + equal / 2).mean() / len(ordered))


def mean_distance(descriptors: NDArray[np.uint8], full_scale: float) -> float:
    """The mean over all pairs of the root mean square distance: how different the items are from each other."""
    count, total = len(descriptors), 0.0
    for start in range(0, count, REFERENCES_AT_ONCE):
        some = squared_distances(descriptors[start : start + REFERENCES_AT_ONCE], descriptors)
        total += float(rms_distances(some, descriptors.shape[1], full_scale).sum())
    return total / (count * (count - 1))
