"""What is measured of a waveform before it is accepted."""

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.audio.loudness import FRAME_S, frame_energy
from pipeline.errors import MissingExtra

NO_PITCH_HZ = 0.0
"""The median F0 of what has no voice."""


def clipped_share(levels: NDArray[np.integer], num_levels: int) -> float:
    """The share of timesteps at the lowest or the highest level."""
    return float(np.mean((levels == 0) | (levels == num_levels - 1)))


def silent_frames(x: Waveform, sample_rate_hz: int, silence_db: float) -> NDArray[np.bool_]:
    """Which frames of 10 ms have a mean square below `silence_db`, full scale being 0 [F]."""
    energy = frame_energy(x, max(1, round(FRAME_S * sample_rate_hz)))
    return energy < 10 ** (silence_db / 10)


def sounding_s(is_silent: NDArray[np.bool_]) -> float:
    """Seconds from the first frame that is no silence to the last; 0 where all are."""
    sounding = np.flatnonzero(~is_silent)
    return float(sounding[-1] - sounding[0] + 1) * FRAME_S if sounding.size else 0.0


def median_f0_hz(x: Waveform, sample_rate_hz: int) -> float:
    """The median F0 of the voiced frames, by dio and stonemask; `NO_PITCH_HZ` where none is. MissingExtra."""
    from pipeline.speech.f0 import log_f0  # numpy alone is needed for all else

    try:
        pitch, voiced = log_f0(x, sample_rate_hz, "dio")
    except MissingExtra as error:
        raise MissingExtra(f"accept.f0_hz: {error}") from None
    return float(np.exp(np.median(pitch[voiced]))) if voiced.any() else NO_PITCH_HZ
