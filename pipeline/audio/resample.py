"""Rate conversion: soxr at its quality "HQ" (20 bits, linear phase), in float32.

Lengths follow one convention: T timesteps at `from_hz` become round(T · to_hz / from_hz), halves up, and time t in
seconds stays at timestep t · rate. int16 is never handed to soxr: it dithers what it gives back in int16.
"""

import numpy as np
import soxr

from pipeline.audio.decode import Waveform

QUALITY = "HQ"


def num_resampled(num_timesteps: int, from_hz: int, to_hz: int) -> int:
    """How many timesteps come out, exactly."""
    return (2 * num_timesteps * to_hz + from_hz) // (2 * from_hz)


def resample(waveform: Waveform, from_hz: int, to_hz: int) -> Waveform:
    """[T] at one rate to [round(T · to_hz / from_hz)] at another; the same array where the rates agree."""
    if from_hz == to_hz:
        return waveform
    converted: Waveform = soxr.resample(waveform, from_hz, to_hz, quality=QUALITY)
    length = num_resampled(len(waveform), from_hz, to_hz)
    if len(converted) < length:  # soxr may end a timestep early on rates with a large common denominator
        return np.pad(converted, (0, length - len(converted)))
    return converted[:length]
