"""One utterance as a picture: its spectrogram, its phones below it, and its F0 where there is one.

Axes: T timestep, F frame, Q frequency.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.reports.spectrogram import RANGE_DB, Waveform, spectrogram_db, with_palette
from pipeline.reports.style import ON_TILE, TILE, VERMILION, quiet

INCHES_PER_SECOND = 3.0
NARROWEST_INCH, WIDEST_INCH = 6.0, 40.0
"""Fifteen phones a second keep their names apart; what lasts longer than 13 s runs closer together."""

DOTS_PER_INCH = 110
PHONE_POINTS = 8


@dataclass(frozen=True)
class Uttered:
    """What is drawn. Phone i sounds over [starts_s[i], ends_s[i]); log_f0 and voiced [F], a value each period_s."""

    waveform: Waveform
    sample_rate_hz: int
    phones: Sequence[str]
    starts_s: Sequence[float]
    ends_s: Sequence[float]
    log_f0: Sequence[float] = ()
    voiced: Sequence[bool] = ()
    period_s: float = 0.005

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.waveform) / self.sample_rate_hz


def utterance_png(uttered: Uttered) -> bytes:
    """The picture as a PNG file."""
    width = min(max(INCHES_PER_SECOND * uttered.seconds, NARROWEST_INCH), WIDEST_INCH)
    heights = [2.6, 0.3, 1.1] if len(uttered.log_f0) else [2.6, 0.3]
    height = sum(heights) + 0.7
    figure = Figure(figsize=(width, height), facecolor=TILE)
    rows = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.subplots_adjust(left=0.65 / width, right=1 - 0.15 / width, top=0.97, bottom=0.5 / height, hspace=0.06)
    draw_spectrogram(quiet(rows[0], ON_TILE), uttered)
    draw_phones(quiet(rows[1], ON_TILE), uttered)
    if len(uttered.log_f0):
        draw_f0(quiet(rows[2], ON_TILE), uttered)
    rows[-1].set_xlabel("time (s)")
    sink = io.BytesIO()
    figure.savefig(sink, format="png", dpi=DOTS_PER_INCH, facecolor=TILE)
    return with_palette(sink)


def draw_spectrogram(axes: Axes, uttered: Uttered) -> None:
    """Decibels below the loudest bin, and where the phones begin."""
    values = spectrogram_db(uttered.waveform, uttered.sample_rate_hz)
    extent = (0, uttered.seconds, 0, uttered.sample_rate_hz / 2000)
    axes.imshow(values, cmap="magma", vmin=-RANGE_DB, vmax=0, origin="lower", aspect="auto", extent=extent)
    axes.vlines(uttered.starts_s[1:], 0, extent[3], color=ON_TILE, linewidth=0.4, alpha=0.5)
    axes.set_ylabel("frequency (kHz)")
    axes.tick_params(bottom=False)


def draw_phones(axes: Axes, uttered: Uttered) -> None:
    """A strip with the name of each phone in the middle of its time."""
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.vlines(uttered.starts_s[1:], 0, 1, color=ON_TILE, linewidth=0.5)
    for phone, start_s, end_s in zip(uttered.phones, uttered.starts_s, uttered.ends_s, strict=True):
        middle_s = (start_s + end_s) / 2
        axes.text(
            middle_s, 0.5, phone, color=ON_TILE, fontsize=PHONE_POINTS, ha="center", va="center", parse_math=False
        )


def draw_f0(axes: Axes, uttered: Uttered) -> None:
    """The pitch that it was drawn with, in hertz; dotted where nothing is voiced."""
    times_s = np.arange(len(uttered.log_f0)) * uttered.period_s
    hz: NDArray[np.float64] = np.exp(np.asarray(uttered.log_f0, np.float64))
    axes.plot(times_s, hz, color=ON_TILE, linewidth=0.8, linestyle=":")
    axes.plot(times_s, np.where(uttered.voiced, hz, np.nan), color=VERMILION, linewidth=1.6)
    axes.set_xlim(0, uttered.seconds)
    axes.set_ylabel("F0 (Hz)")
