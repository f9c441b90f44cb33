"""Counts on a fixed grid: they add up exactly, so no order of items and no cut into shards can change a figure.

Axes: S series (a channel, a mel band, or one), N bin.

A value is known to half a bin's width; one beyond the grid's ends counts as the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""[S, N]."""

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """`num_bins` bins of one width over [lowest, highest]."""

    lowest: float
    highest: float
    num_bins: int

    @property
    def width(self) -> float:
        """Of a bin."""
        return (self.highest - self.lowest) / self.num_bins

    @property
    def centres(self) -> Reals:
        """What the values in each bin are taken for, [N]."""
        result: Reals = self.lowest + (np.arange(self.num_bins, dtype=np.float64) + 0.5) * self.width
        return result

    def count(self, values: NDArray[Any]) -> Counts:
        """How many values of each series fall into each bin: [S, values] or [values] to [S, N]."""
        rows = np.atleast_2d(np.asarray(values, np.float64))
        bins = np.clip(np.floor((rows - self.lowest) / self.width), 0, self.num_bins - 1).astype(np.int64)
        places = bins + np.arange(len(rows))[:, None] * self.num_bins
        return np.bincount(places.ravel(), minlength=rows.shape[0] * self.num_bins).reshape(-1, self.num_bins)


def shares(counts: Counts) -> Reals:
    """Each series as probabilities, [S, N]; ValueError where a series has no values."""
    totals = counts.sum(1, keepdims=True)
    if not totals.all():
        raise ValueError("a histogram without values has no shares")
    result: Reals = counts / totals
    return result


def means(counts: Counts, grid: Grid) -> Reals:
    """The mean of each series, [S]."""
    result: Reals = shares(counts) @ grid.centres
    return result


def spreads(counts: Counts, grid: Grid) -> Reals:
    """The standard deviation of each series, [S]."""
    away = grid.centres - means(counts, grid)[:, None]
    result: Reals = np.sqrt((shares(counts) * away**2).sum(1))
    return result


def wasserstein(one: Counts, other: Counts, grid: Grid) -> Reals:
    """Wasserstein-1 distance of each series, [S], in the unit of the values.

    On a line it is the area between the two distribution functions (Vallender 1974): how far a value has to be moved,
    on average, to make one histogram of the other.
    """
    apart = np.cumsum(shares(one) - shares(other), axis=1)
    result: Reals = np.abs(apart).sum(1) * grid.width
    return result


def jensen_shannon_bits(one: Counts, other: Counts) -> Reals:
    """Jensen-Shannon divergence of each series, [S], in bits: 0 for equal histograms, 1 for such as share no bin.

    The mean of what each loses when it is coded by the mixture of both (Lin 1991, equation 3.4 with weights of ½).
    """
    p, q = shares(one), shares(other)
    mixed = (p + q) / 2
    result: Reals = entropy_bits(mixed) - (entropy_bits(p) + entropy_bits(q)) / 2
    return np.maximum(result, 0)  # equal histograms may come out a rounding below


def entropy_bits(probabilities: Reals) -> Reals:
    """-Σ p log2 p of each series, [S]."""
    positive = np.where(probabilities > 0, probabilities, 1)
    result: Reals = -(positive * np.log2(positive)).sum(1)
    return result
