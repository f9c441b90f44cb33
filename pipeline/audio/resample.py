"""Rate conversion: soxr at its quality "HQ" (20 bits, linear phase), in float32.

Lengths follow one convention: T timesteps at `from_hz` become round(T · to_hz / from_hz), halves up, and time t in
seconds stays at timestep t · rate. int16 is never handed to soxr: it dithers what it gives back in int16.
"""

import threading
from functools import lru_cache

import numpy as np
import soxr

from pipeline.audio.decode import Waveform

QUALITY = "HQ"

AT_ONCE = 2**18
"""Timesteps up to which a converter that is used again is faster than a new one, by 2 to 3 %."""


def num_resampled(num_timesteps: int, from_hz: int, to_hz: int) -> int:
    """How many timesteps come out, exactly."""
    return (2 * num_timesteps * to_hz + from_hz) // (2 * from_hz)


def resample(waveform: Waveform, from_hz: int, to_hz: int) -> Waveform:
    """[T] at one rate to [round(T · to_hz / from_hz)] at another; the same array where the rates agree."""
    if from_hz == to_hz:
        return waveform
    converted = convert(waveform, from_hz, to_hz)
    length = num_resampled(len(waveform), from_hz, to_hz)
    if len(converted) < length:  # soxr may end a timestep early on rates with a large common denominator
        return np.pad(converted, (0, length - len(converted)))
    return converted[:length]


def convert(waveform: Waveform, from_hz: int, to_hz: int) -> Waveform:
    """`soxr.resample`, to the last bit."""
    if len(waveform) > AT_ONCE:
        return soxr.resample(waveform, from_hz, to_hz, quality=QUALITY)
    converter = converters.between(from_hz, to_hz)
    converter.clear()
    return converter.resample_chunk(waveform, last=True)


class Converters(threading.local):
    """A thread's converters; a corpus has few rates."""

    def __init__(self) -> None:
        self.between = lru_cache(maxsize=4)(new_converter)


def new_converter(from_hz: int, to_hz: int) -> soxr.ResampleStream:
    """One channel between two rates."""
    return soxr.ResampleStream(from_hz, to_hz, 1, "float32", QUALITY)


converters = Converters()
