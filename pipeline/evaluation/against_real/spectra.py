"""A waveform, frame by frame: the power in mel bands, where the spectrum's centre lies, and how loud it is.

Axes: F frame, T timestep, M mel band, Q frequency.

Frame f is centred at f · 10 ms, so T timesteps have ceil(T / hop) frames, and two waveforms of one length have as many.
The window is a Hann of 25 ms; beyond both ends lies silence. Powers are in decibels over a sine of full scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.speech.alignment.features import hann, hz_to_mel, mel_to_hz

Reals = NDArray[np.float64]

HOP_S = 0.010
WINDOW_S = 0.025
NUM_MELS = 40
FLOOR_DB = -100.0
"""Digital silence has no logarithm."""
SILENT_DB = 40.0
"""A frame so far below the item's loudest is silence: mu-law's own noise lies about as far below what it codes."""
SILENCE_DB = -70.0
"""And so is one below this: mu-law of 8 bits has no zero, and its smallest values lie at -78 dB."""
FRAMES_AT_ONCE = 4096
"""Spectra of a long recording do not stand in memory together."""


@dataclass(frozen=True)
class Spectra:
    """mel_db [F, M]; power_db [F]; centroid_hz [F], of silence without meaning; silent [F]."""

    mel_db: Reals
    power_db: Reals
    centroid_hz: Reals

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Frames far below the loudest, and those below what any voice leaves in a recording."""
        bound = max(float(self.power_db.max()) - SILENT_DB, SILENCE_DB)
        result: NDArray[np.bool_] = self.power_db <= bound
        return result


def spectra_of(waveform: Waveform, sample_rate_hz: int) -> Spectra:
    """[T] to its frames; at least one timestep."""
    num_fft, frequencies = fft_size(sample_rate_hz), frequencies_hz(sample_rate_hz)
    mel_db, power_db, centroid_hz = [], [], []
    for power in power_spectra(waveform, sample_rate_hz, num_fft):
        total = power.sum(1)
        mel_db.append(decibels(power @ mel_bands(sample_rate_hz).T))
        power_db.append(decibels(total))
        centroid_hz.append(power @ frequencies / np.maximum(total, np.finfo(np.float64).tiny))
    return Spectra(np.concatenate(mel_db), np.concatenate(power_db), np.concatenate(centroid_hz))


def power_spectra(waveform: Waveform, sample_rate_hz: int, num_fft: int) -> Iterator[Reals]:
    """Blocks of [F, Q]; a frame's powers add up to 1 for a sine of full scale, whatever its frequency."""
    hop, window = max(1, round(HOP_S * sample_rate_hz)), window_size(sample_rate_hz)
    count = -(-len(waveform) // hop)
    padded = np.pad(np.asarray(waveform, np.float64), (window // 2, window))
    frames = sliding_window_view(padded, window)[::hop][:count]
    taper = hann(window).astype(np.float64)
    scale = 4 / (num_fft * (taper**2).sum())  # Parseval, over the half of the spectrum that is kept
    for start in range(0, count, FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * taper, num_fft)
        yield (np.square(spectra.real) + np.square(spectra.imag)) * scale


def decibels(power: Reals) -> Reals:
    """10 log10, not below the floor."""
    result: Reals = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return result


def window_size(sample_rate_hz: int) -> int:
    """Timesteps of a window."""
    return max(4, round(WINDOW_S * sample_rate_hz))


def fft_size(sample_rate_hz: int) -> int:
    """Twice a window or more, so that the narrow bands at the bottom have frequencies in them."""
    return 1 << (2 * window_size(sample_rate_hz) - 1).bit_length()


def frequencies_hz(sample_rate_hz: int) -> Reals:
    """[Q]."""
    num_fft = fft_size(sample_rate_hz)
    return np.arange(1 + num_fft // 2) * sample_rate_hz / num_fft


@cache
def mel_bands(sample_rate_hz: int) -> Reals:
    """[M, Q]: triangles of height 1 that overlap by half, evenly over Slaney's mel scale from 0 to half the rate."""
    edges = mel_to_hz(np.linspace(0, hz_to_mel(np.array([sample_rate_hz / 2]))[0], NUM_MELS + 2))
    left, middle, right = (edges[start : start + NUM_MELS, None] for start in range(3))
    frequencies = frequencies_hz(sample_rate_hz)
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return np.maximum(0, np.minimum(rising, falling))
