"""Levels as the bytes of a row, and their histogram.

A level takes one byte where there are 256 of them at most, and two above, the low one first. Histograms have a bin for
each level up to 256, and above so many of like width: in every commit they would otherwise be larger than the rest.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.integer[Any]]

MOST_LEVELS = 65536
"""16 bits."""

MOST_BINS = 256


def check_num_levels(num_levels: int) -> None:
    """A ValueError unless so many levels can be stored; one level says nothing."""
    if not 2 <= num_levels <= MOST_LEVELS:
        raise ValueError(f"num_levels must lie in 2 to {MOST_LEVELS}, got {num_levels}")


def level_type(num_levels: int) -> np.dtype[Any]:
    """The type of a level in a row."""
    return np.dtype(np.uint8) if num_levels <= MOST_BINS else np.dtype("<u2")


def pack_levels(levels: Levels, num_levels: int) -> bytes:
    """Levels to bytes."""
    return levels.astype(level_type(num_levels), copy=False).tobytes()


def unpack_levels(data: bytes, num_levels: int) -> Levels:
    """Bytes to levels, one after the other."""
    return np.frombuffer(data, level_type(num_levels))


def num_levels_in(data: bytes, num_levels: int) -> int:
    """How many levels these bytes hold."""
    return len(data) // level_type(num_levels).itemsize


def num_bins(num_levels: int) -> int:
    """Bins of a histogram of levels."""
    return min(num_levels, MOST_BINS)


def bin_of(levels: Levels, num_levels: int) -> NDArray[np.int64]:
    """The bin that each level falls into."""
    return levels.astype(np.int64) * num_bins(num_levels) // num_levels


def levels_per_bin(num_levels: int) -> NDArray[np.int64]:
    """How many levels share each bin."""
    return np.bincount(bin_of(np.arange(num_levels), num_levels), minlength=num_bins(num_levels))
