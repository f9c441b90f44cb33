"""Fundamental frequency: ln Hz a frame, interpolated over what is unvoiced, and which frames are voiced.

F frame. T timesteps give F = floor(T / frame period) + 1 frames, and frame i is centred at i periods: WORLD's
convention, so that T = 16,000 at 16 kHz are 201 frames of 5 ms. Not T / hop: the last frame may lie on the end, and
what pairs F0 with frames of another kind has to say how it lets one go.

dio + stonemask is the one to take: the others cost 40 times as much (`benchmarks/f0.py`). harvest hears half as many
frames again as voiced on read speech, so corpora are to be compared by one method only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.errors import MissingExtra

Method = Literal["dio", "harvest", "pyin"]
Frequencies = NDArray[np.float64]

CHEAPEST_RATE_HZ = 8_000
"""dio thins out its input to this rate or a little more; stonemask refines on the whole waveform. On speech at 16 kHz
that is 1.7 times as fast, and as near to harvest as without."""

FRAMES_AT_ONCE = 6000
"""30 s of frames of 5 ms: on ten minutes at once dio took 0.7 GB and half the speed, and the others far more."""

CONTEXT_FRAMES = 200
"""Heard beside them on both sides, so that the joints of a long recording are no edges."""

MOST_THINNING = 12
"""What WORLD allows."""

PYIN_PERIODS = 4
"""Of the lowest frequency in one frame of pyin: its two halves are compared, and each has to hold a period and more."""


@dataclass(frozen=True)
class F0Config:
    """Where F0 is searched; refinement may pass either end by a little."""

    lowest_hz: float = 60.0
    """Below most creak of low male voices; lower still, room rumble and mains hum at 50 Hz are heard as voices."""
    highest_hz: float = 600.0
    """Above excited speech of women and children; singing goes higher."""

    def __post_init__(self) -> None:
        if not 0 < self.lowest_hz < self.highest_hz:
            raise ValueError(f"expected 0 < lowest_hz < highest_hz, got {self.lowest_hz} and {self.highest_hz}")


Estimate = Callable[[Waveform, int, float, F0Config], Frequencies]
"""Hz a frame, 0 where unvoiced."""


def log_f0(
    waveform: Waveform,
    sample_rate_hz: int,
    method: Method,
    frame_period_s: float = 0.005,
    config: F0Config = F0Config(),
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(ln Hz [F], voiced [F]) of a waveform [T]; F is `num_frames`, whatever the method.

    Over an unvoiced stretch ln Hz runs straight from the voiced frame before to the one after; ends hold the nearest.
    Where nothing is voiced all of it is 0 and `voiced` all false: a number, so that a column of it can be averaged
    over without care, and one that no voice has (1 Hz). The same waveform gives the same bits. What is longer than 30 s
    is taken in stretches.
    Sources: dio, Morise et al. 2009 (AES 35th Conf.); harvest, Morise 2017 (Interspeech), both with WORLD's stonemask;
    pyin, Mauch and Dixon 2014 (ICASSP), by librosa. Raises MissingExtra where the method's package is not installed.
    """
    frequencies = np.zeros(num_frames(len(waveform), sample_rate_hz, frame_period_s))
    estimate, hop = ESTIMATES[method], frame_period_s * sample_rate_hz
    for first in range(0, len(frequencies), FRAMES_AT_ONCE):
        start, end = max(0, first - CONTEXT_FRAMES), first + FRAMES_AT_ONCE + CONTEXT_FRAMES
        stretch = waveform[round(start * hop) : round(end * hop)]
        if stretch.any():
            found = estimate(stretch, sample_rate_hz, frame_period_s, config)[first - start :]
            place = frequencies[first : first + FRAMES_AT_ONCE]
            place[: len(found)] = found[: len(place)]
    voiced = frequencies > 0
    return interpolated(frequencies, voiced), voiced


def num_frames(num_timesteps: int, sample_rate_hz: int, frame_period_s: float) -> int:
    """F, by the operations that WORLD takes, in their order: another order rounds otherwise at a frame's edge."""
    return int(1000.0 * num_timesteps / sample_rate_hz / (1000 * frame_period_s)) + 1


def interpolated(frequencies: Frequencies, voiced: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The logarithm of what is voiced, straight lines between, the first and the last held; zeros where nothing is."""
    frames = np.flatnonzero(voiced)
    if not frames.size:
        return np.zeros(len(voiced), np.float32)
    return np.interp(np.arange(len(voiced)), frames, np.log(frequencies[frames])).astype(np.float32)


def with_dio(waveform: Waveform, sample_rate_hz: int, frame_period_s: float, config: F0Config) -> Frequencies:
    """WORLD's dio, refined by stonemask."""
    thinning = min(MOST_THINNING, max(1, sample_rate_hz // CHEAPEST_RATE_HZ))
    wave, world = waveform.astype(np.float64), load_pyworld()
    coarse, times_s = world.dio(
        wave, sample_rate_hz, config.lowest_hz, config.highest_hz, frame_period=1000 * frame_period_s, speed=thinning
    )
    return refined(world, wave, coarse, times_s, sample_rate_hz)


def with_harvest(waveform: Waveform, sample_rate_hz: int, frame_period_s: float, config: F0Config) -> Frequencies:
    """WORLD's harvest, refined by stonemask."""
    wave, world = waveform.astype(np.float64), load_pyworld()
    coarse, times_s = world.harvest(
        wave, sample_rate_hz, config.lowest_hz, config.highest_hz, frame_period=1000 * frame_period_s
    )
    return refined(world, wave, coarse, times_s, sample_rate_hz)


def refined(
    world: ModuleType, wave: Frequencies, coarse: Frequencies, times_s: Frequencies, sample_rate_hz: int
) -> Frequencies:
    """By the instantaneous frequency of the first harmonics."""
    frequencies: Frequencies = world.stonemask(wave, coarse, times_s, sample_rate_hz)
    return frequencies


def with_pyin(waveform: Waveform, sample_rate_hz: int, frame_period_s: float, config: F0Config) -> Frequencies:
    """The pyin of librosa, whose frames lie a whole number of timesteps apart, read at our frames' centres."""
    hop = max(1, round(frame_period_s * sample_rate_hz))
    found, voiced, _ = load_librosa().pyin(
        waveform,
        fmin=config.lowest_hz,
        fmax=min(config.highest_hz, sample_rate_hz / 2),
        sr=sample_rate_hz,
        frame_length=int(np.ceil(PYIN_PERIODS * sample_rate_hz / config.lowest_hz)),
        hop_length=hop,
        fill_na=0.0,
    )
    if not voiced.any():
        return np.zeros(0)
    at = np.arange(num_frames(len(waveform), sample_rate_hz, frame_period_s)) * frame_period_s * sample_rate_hz / hop
    nearest = np.minimum(np.rint(at).astype(int), len(found) - 1)
    curve = np.interp(at, np.flatnonzero(voiced), np.log(found[voiced]))
    return np.where(voiced[nearest], np.exp(curve), 0.0)


ESTIMATES: dict[Method, Estimate] = {"dio": with_dio, "harvest": with_harvest, "pyin": with_pyin}


def load_pyworld() -> ModuleType:
    """The package pyworld, or MissingExtra."""
    try:
        import pyworld
    except ImportError:
        raise missing("pyworld", "f0") from None
    return pyworld


def load_librosa() -> ModuleType:
    """The package librosa, or MissingExtra."""
    try:
        import librosa
    except ImportError:
        raise missing("librosa", "pyin") from None
    return librosa


def missing(package: str, extra: str) -> MissingExtra:
    """Which extra brings the package."""
    return MissingExtra(
        f"fundamental frequency by this method needs {package}, which is not installed; "
        f"install it, in the checkout, with: pip install '.[{extra}]'"
    )
