"""Mel cepstra: 13, their slopes and the slopes of those, for every 10 ms of a recording.

Frame f stands for timesteps [f · HOP, (f + 1) · HOP) at 16 kHz, and its window is centred in the middle of them; the
last frame may stand for fewer, so a recording of T timesteps has ceil(T / HOP) frames.

Axes: F frame, T timestep, M mel band, C coefficient.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.audio.resample import resample

Features = NDArray[np.float32]

RATE_HZ = 16_000
HOP = 160
HOP_S = HOP / RATE_HZ
WINDOW = 256
"""16 ms: one and a half periods of a low voice; longer ones blur the onsets of plosives."""
FFT = 512
NUM_MELS = 40
LOWEST_HZ, HIGHEST_HZ = 20.0, 7800.0
NUM_CEPSTRA = 13
NUM_FEATURES = 3 * NUM_CEPSTRA
PREEMPHASIS = 0.97
RANGE_DB = 80.0
"""Bands below the loudest one by more than this are as good as silent: digital silence has no logarithm."""
SMALLEST = 1e-16
SLOPE_REACH = 2
"""Slopes are taken over this many frames on either side."""
FRAMES_AT_ONCE = 4096
"""Spectra of a long recording do not stand in memory together."""


def features_of(waveform: Waveform, sample_rate_hz: int) -> Features:
    """[T] at any rate to [F, 39]: cepstra, slopes, slopes of slopes; the mean over the recording taken away.

    The mean is the microphone's and the room's. As in HTK's MFCC_0_D_A_Z, but for librosa's mel scale and decibels.
    """
    resampled = resample(waveform, sample_rate_hz, RATE_HZ)
    if not resampled.size:
        return np.zeros((0, NUM_FEATURES), np.float32)
    cepstra = mel_cepstra(resampled)
    first = slopes(cepstra)
    stacked = np.concatenate([cepstra - cepstra.mean(axis=0), first, slopes(first)], axis=1)
    return stacked.astype(np.float32)


def num_frames(num_timesteps: int, hop: int = HOP) -> int:
    """How many frames a recording at 16 kHz has."""
    return -(-num_timesteps // hop)


def mel_cepstra(waveform: Waveform, hop: int = HOP, window: int = WINDOW) -> NDArray[np.float64]:
    """[T] at 16 kHz to [F, 13]: the discrete cosine transform of mel bands in decibels."""
    blocks = power_spectra(preemphasised(waveform), hop, window)
    power = np.concatenate([block @ mel_bands().T for block in blocks])
    decibels = 10 * np.log10(np.maximum(power, SMALLEST)).astype(np.float64)
    cepstra: NDArray[np.float64] = np.maximum(decibels, decibels.max() - RANGE_DB) @ cosines().T
    return cepstra


def preemphasised(waveform: Waveform) -> Waveform:
    """High frequencies raised by 6 dB an octave; the first timestep as if the one before were its equal."""
    return waveform - np.float32(PREEMPHASIS) * np.append(waveform[:1], waveform[:-1])


def power_spectra(waveform: Waveform, hop: int, window: int) -> Iterator[NDArray[np.float32]]:
    """[T] to blocks of [F, 1 + FFT / 2]; beyond both ends lies silence."""
    count = num_frames(len(waveform), hop)
    before = (window - hop) // 2
    after = max(0, (count - 1) * hop + window - before - len(waveform))
    windows = sliding_window_view(np.pad(waveform, (before, after)), window)[::hop][:count]
    for start in range(0, count, FRAMES_AT_ONCE):
        spectra = np.fft.rfft(windows[start : start + FRAMES_AT_ONCE] * hann(window), FFT)
        yield np.square(spectra.real) + np.square(spectra.imag)


def slopes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[F, C] to the slope of the regression line through the frames around each; the ends are repeated.

    HTK Book (3.4) equation 5.16.
    """
    reach = range(1, SLOPE_REACH + 1)
    padded = np.pad(values, ((SLOPE_REACH, SLOPE_REACH), (0, 0)), mode="edge")
    count = len(values)
    rises = (step * (padded[SLOPE_REACH + step :][:count] - padded[SLOPE_REACH - step :][:count]) for step in reach)
    slope: NDArray[np.float64] = np.sum(list(rises), axis=0) / (2 * sum(step * step for step in reach))
    return slope


@cache
def hann(length: int) -> NDArray[np.float32]:
    """The window, periodic as for spectra."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@cache
def mel_bands() -> NDArray[np.float32]:
    """[M, 1 + FFT / 2]: triangles that overlap by half, each of area 1 in hertz (Slaney's Auditory Toolbox)."""
    lowest, highest = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = mel_to_hz(np.linspace(lowest, highest, NUM_MELS + 2))
    frequencies = np.arange(1 + FFT // 2) * RATE_HZ / FFT
    left, middle, right = (edges[start : start + NUM_MELS, None] for start in range(3))
    rising = (frequencies - left) / (middle - left)
    falling = (right - frequencies) / (right - middle)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return triangles.astype(np.float32)


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: 3 mel to 200 Hz up to 1 kHz, 27 mel to a factor of 6.4 above."""
    above = 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4)
    return np.where(hz < 1000, 3 * hz / 200, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Its inverse."""
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))


@cache
def cosines() -> NDArray[np.float64]:
    """[C, M]: the orthonormal cosine transform, type II."""
    rows, columns = np.arange(NUM_CEPSTRA)[:, None], np.arange(NUM_MELS)[None, :]
    matrix: NDArray[np.float64] = np.sqrt(2 / NUM_MELS) * np.cos(np.pi * rows * (2 * columns + 1) / (2 * NUM_MELS))
    matrix[0] /= np.sqrt(2)
    return matrix
