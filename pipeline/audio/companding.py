"""Waveforms to levels and back: mu-law and linear, rounded to nearest.

mu-law (ITU-T G.711 in its continuous form; van den Oord et al. 2016, WaveNet §2.2): with mu = num_levels - 1,

    y     = sign(x) · ln(1 + mu·|x|) / ln(1 + mu)          x clamped to [-1, 1]
    level = floor((y + 1) / 2 · mu + 1/2)

so that there are exactly num_levels levels and decode followed by encode gives every level back. x = 0 lies halfway
between the two middle levels and goes to the upper one (128 of 256): no level is exactly zero. "linear" leaves the
logarithm out (y = x): levels evenly over [-1, 1]. Departure from the paper: it gives no rounding; ours is to nearest.
"""

from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.shards.levels import Levels, check_num_levels, level_type
from pipeline.shards.schema import Companding

Array = TypeVar("Array", bound=NDArray[Any])


def encode(waveform: NDArray[np.floating], num_levels: int = 256, companding: Companding = "mu-law") -> Levels:
    """Any float array over [-1, 1] to levels of the same shape, by the formula; what lies outside is clamped."""
    check_num_levels(num_levels)
    x = np.clip(np.asarray(waveform, np.float64), -1, 1)
    y = compress(x, num_levels - 1) if companding == "mu-law" else x
    return np.floor((y + 1) / 2 * (num_levels - 1) + 0.5).astype(level_type(num_levels))


def decode_levels(levels: Levels, num_levels: int = 256, companding: Companding = "mu-law") -> Waveform:
    """Levels to the value in the middle of each, float32 of the same shape, over [-1, 1]."""
    return decoding_table(num_levels, companding)[levels]


def encode_fast(waveform: Waveform, num_levels: int = 256, companding: Companding = "mu-law") -> Levels:
    """`encode` of the waveform rounded to 16 bits, by one look-up in a table of all 65,536 of them.

    This is what datasets hold. Rounding to 16 bits first moves a value by 2⁻¹⁶ at most, an eleventh of the finest
    mu-law step of 256 levels, and is what makes one look-up of the logarithm. With 65,536 linear levels it is the
    16-bit value itself, counted from the bottom: only the two values in the middle share a level.
    """
    index = np.multiply(waveform, np.float32(32768))
    index += np.float32(32768.5)
    np.clip(index, 0, 65535, out=index)
    return encoding_table(num_levels, companding).take(index.astype(np.uint16))


@cache
def encoding_table(num_levels: int, companding: Companding) -> Levels:
    """The level of every 16-bit value i: table[i + 32768] = encode(i / 32768)."""
    return frozen(encode(np.arange(-32768, 32768) / 32768, num_levels, companding))


@cache
def decoding_table(num_levels: int, companding: Companding) -> Waveform:
    """The value of every level, float32 [K]."""
    check_num_levels(num_levels)
    y = 2 * np.arange(num_levels) / (num_levels - 1) - 1
    x = expand(y, num_levels - 1) if companding == "mu-law" else y
    return frozen(x.astype(np.float32))


def compress(x: NDArray[np.float64], mu: int) -> NDArray[np.float64]:
    """The mu-law curve, over [-1, 1]."""
    y: NDArray[np.float64] = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
    return y


def expand(y: NDArray[np.float64], mu: int) -> NDArray[np.float64]:
    """The inverse of `compress`."""
    x: NDArray[np.float64] = np.sign(y) * np.expm1(np.abs(y) * np.log1p(mu)) / mu
    return x


def frozen(table: Array) -> Array:
    """A table that no caller can write into: it is shared by all of them."""
    table.flags.writeable = False
    return table
