"""A long recording to pieces of an utterance's length, cut where it is silent.

What sounds is decided once, for the whole recording, frame by frame of 10 ms; all else is arithmetic on frames. So
nothing that sounds is lost, and where each piece came from is its [start, end) in timesteps.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform
from pipeline.audio.loudness import FRAME_S, frame_energy

Spans = list[tuple[int, int]]

FRAMES_AT_ONCE = 4096
"""41 s: squares of an hour need not lie in memory beside it."""

LOUD_S = 0.5
"""Loud is what this much of a recording passes: a click is shorter, and a minute of speech in an hour is longer."""

FLOOR_SHARE = 0.1
"""The noise floor is what a tenth of the frames stays below: speech pauses for longer than that."""


@dataclass(frozen=True)
class CutConfig:
    """Where a recording may be cut."""

    above_floor_db: float = 6.0
    """What sounds stands this far above the noise floor; 10 ms of steady noise stray from it by 1 dB or 2."""
    below_loud_db: float = 40.0
    """In a clean recording what is this far below what is loud is silence, though breath lies above the floor."""
    least_contrast_db: float = 10.0
    """Whatever the floor seems to be, what is this near to what is loud sounds: a tone without a pause is no noise."""
    min_silence_s: float = 0.3
    """Longer than the closure of any plosive, shorter than most pauses between phrases."""
    min_piece_s: float = 1.0
    """A shorter piece is joined to its nearer neighbour where that makes none too long. Not shorter than a silence, so
    that no piece is silent."""
    max_piece_s: float = 20.0
    """Margins included. Alignment and training both want utterances; longer ones are cut at their quietest frame."""
    max_silence_s: float = 1.5
    """No piece is joined to another over a longer silence, however short it is."""
    margin_s: float = 0.1
    """Kept on both sides of what sounds, or half the silence where that is less: onsets lie below the threshold."""

    def __post_init__(self) -> None:
        if not FRAME_S <= self.min_silence_s <= min(self.max_silence_s, self.min_piece_s):
            raise ValueError(f"expected 0.01 <= min_silence_s <= max_silence_s and <= min_piece_s, got {self}")
        if min(self.margin_s, self.above_floor_db, self.least_contrast_db) < 0:
            raise ValueError(f"expected margin_s and decibels of 0 or more, got {self}")
        if self.below_loud_db < self.least_contrast_db:
            raise ValueError(f"expected below_loud_db >= least_contrast_db, got {self}")
        if self.max_piece_s < 2 * (self.min_piece_s + self.margin_s):
            raise ValueError(f"expected max_piece_s >= 2 * (min_piece_s + margin_s), got {self}")


def pieces(waveform: Waveform, sample_rate_hz: int, config: CutConfig = CutConfig()) -> Spans:
    """Where the pieces of a recording [T] lie: [start, end) in timesteps, ordered, disjoint; none in digital silence.

    Every frame that sounds lies in exactly one piece, and no piece is longer than `max_piece_s`. One may be shorter
    than `min_piece_s`: where it stands alone. Scaling the recording changes nothing. Memory beside the recording: 4
    bytes for every 10 ms, and a constant.
    """
    hop = max(1, round(FRAME_S * sample_rate_hz))
    per_s = sample_rate_hz / hop
    energy = energies(waveform, hop)
    least, most = round(config.min_piece_s * per_s), int((config.max_piece_s - 2 * config.margin_s) * per_s)
    spans = runs(energy >= threshold(energy, per_s, config), round(config.min_silence_s * per_s))
    spans = joined(spans, least, most, round(config.max_silence_s * per_s))
    spans = [part for span in spans for part in cut(energy, span, least, most)]
    return with_margins(spans, hop, int(config.margin_s * sample_rate_hz), len(waveform))


def energies(waveform: Waveform, hop: int) -> NDArray[np.float32]:
    """Mean square of each frame, a stretch at a time."""
    step = hop * FRAMES_AT_ONCE
    stretches = [frame_energy(waveform[start : start + step], hop) for start in range(0, len(waveform), step)]
    return np.concatenate(stretches) if stretches else np.zeros(0, np.float32)


def threshold(energy: NDArray[np.float32], frames_per_s: float, config: CutConfig) -> float:
    """The energy from which a frame sounds; infinite where none does."""
    if not energy.any():
        return np.inf
    num_loud = max(1, min(round(LOUD_S * frames_per_s), len(energy) // 10))
    loud = float(np.partition(energy, -num_loud)[-num_loud]) or float(energy.max())
    floor = float(np.quantile(energy, FLOOR_SHARE))
    above = max(floor * 10 ** (config.above_floor_db / 10), loud * 10 ** (-config.below_loud_db / 10))
    return min(above, loud * 10 ** (-config.least_contrast_db / 10))


def runs(sounding: NDArray[np.bool_], min_silence: int) -> Spans:
    """Stretches of frames that sound, taken together over silences of less than `min_silence` frames."""
    frames = np.flatnonzero(sounding)
    if not frames.size:
        return []
    after = np.flatnonzero(np.diff(frames) > max(1, min_silence))
    starts, ends = frames[np.r_[0, after + 1]], frames[np.r_[after, -1]] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def joined(spans: Spans, least: int, most: int, max_silence: int) -> Spans:
    """Spans of which the short are joined to their nearer neighbours, as far as `most` and `max_silence` allow.

    Silences are gone through from the shortest up, once: spans only grow, so what is refused would be refused again.
    """
    first_of, last_of = list(range(len(spans))), list(range(len(spans)))  # of the span that ends, or starts, with one
    silences = [right[0] - left[1] for left, right in pairwise(spans)]
    for place in sorted(range(len(silences)), key=silences.__getitem__):
        first, last = first_of[place], last_of[place + 1]
        shorter = min(spans[place][1] - spans[first][0], spans[last][1] - spans[place + 1][0])
        if shorter < least and spans[last][1] - spans[first][0] <= most and silences[place] <= max_silence:
            last_of[first], first_of[last] = last, first
    together, place = [], 0
    while place < len(spans):
        together.append((spans[place][0], spans[last_of[place]][1]))
        place = last_of[place] + 1
    return together


def cut(energy: NDArray[np.float32], span: tuple[int, int], least: int, most: int) -> Spans:
    """Parts of `least` to `most` frames, each cut before the quietest frame that allows it; of equals, the last."""
    start, end = span
    parts = []
    while end - start > most:
        first, last = start + least, min(start + most, end - least)
        place = last - int(np.argmin(energy[first : last + 1][::-1]))
        parts.append((start, place))
        start = place
    return [*parts, (start, end)]


def with_margins(spans: Spans, hop: int, margin: int, num_timesteps: int) -> Spans:
    """Spans of frames in timesteps, with a margin that ends half-way to a neighbour, or where the recording does."""
    starts = [start * hop for start, _ in spans]
    ends = [min(end * hop, num_timesteps) for _, end in spans]
    if not spans:
        return []
    middles = [0, *((left + right) // 2 for left, right in zip(ends, starts[1:], strict=False)), num_timesteps]
    return [
        (max(start - margin, before), min(end + margin, after))
        for start, end, (before, after) in zip(starts, ends, pairwise(middles), strict=True)
    ]
