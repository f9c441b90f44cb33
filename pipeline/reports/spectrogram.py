"""Spectrograms: short-time Fourier transform to decibels to a picture with seconds and kilohertz on its axes.

Axes: T timestep, F frame, Q frequency.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.reports.style import ON_TILE, TILE, new_axes

Waveform = NDArray[np.float32]

WINDOW_S = 0.020
"""Short enough for the closure of a plosive, long enough to part the harmonics of a high voice."""

HOP_S = 0.004
RANGE_DB = 70.0
"""Below the loudest bin; mu-law of 8 bits leaves its own noise about 40 dB down, so all of it is seen."""

MOST_COLUMNS = 900
"""More than a column per dot of the picture is not seen."""

WIDTH_INCH, HEIGHT_INCH, DOTS_PER_INCH = 4.6, 1.75, 150
LEFT, RIGHT = 0.105, 0.985
"""Where the axis of time lies in the picture's width; the page sets the phones below it by these."""


def spectrogram_db(waveform: Waveform, sample_rate_hz: int) -> NDArray[np.float64]:
    """Waveform [T] to decibels below its loudest bin, [Q, F], clipped at `-RANGE_DB`; silence is all at the floor."""
    window = max(16, round(WINDOW_S * sample_rate_hz))
    num_columns = max(1, -(-len(waveform) // max(1, round(HOP_S * sample_rate_hz))))
    starts = np.linspace(0, len(waveform), min(num_columns, MOST_COLUMNS), endpoint=False).astype(int)
    padded = np.pad(np.asarray(waveform, np.float64), (window // 2, window))
    frames = padded[starts[:, None] + np.arange(window)] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, 2 ** int(np.ceil(np.log2(window)) + 1))) ** 2
    loudest = power.max()
    if loudest == 0:
        return np.full(power.T.shape, -RANGE_DB)
    decibels: NDArray[np.float64] = 10 * np.log10(np.maximum(power / loudest, 10 ** (-RANGE_DB / 10))).T
    return decibels


def spectrogram_png(waveform: Waveform, sample_rate_hz: int, width_s: float) -> bytes:
    """The spectrogram as a PNG file, its axis of time `width_s` long whatever the waveform's length."""
    figure, axes = new_axes(WIDTH_INCH, HEIGHT_INCH, ON_TILE)
    figure.subplots_adjust(left=LEFT, right=RIGHT, top=0.965, bottom=0.235)
    extent = (0, len(waveform) / sample_rate_hz, 0, sample_rate_hz / 2000)
    values = spectrogram_db(waveform, sample_rate_hz)
    axes.imshow(values, cmap="magma", vmin=-RANGE_DB, vmax=0, origin="lower", aspect="auto", extent=extent)
    axes.set_xlim(0, width_s)
    axes.set_xlabel("time (s)", labelpad=1)
    axes.set_ylabel("frequency (kHz)")
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=DOTS_PER_INCH, facecolor=TILE)
    return with_palette(sink)


def with_palette(picture: io.BytesIO) -> bytes:
    """The picture in 256 colours, a third of the size; the colour map has no more."""
    sink = io.BytesIO()
    Image.open(picture).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(sink, "PNG", optimize=True)
    return sink.getvalue()
