"""What a frame knows of speech: its phone and a few real features, expanded from a row's columns as batches are made.

Axes: F frame, P phone, G value of F0.

Model frame f covers timesteps [f·hop, (f+1)·hop) and takes what holds at its centre, (f + ½)·hop. What is stored once a
phone holds for the frames whose centre lies in the phone. F0 is stored on a grid of its own, value g at g periods from
the start: half a frame off the centres even where period and frame are equally long, so it is read between its values.

feature       value                                                                                       condition
position      where the centre lies in its phone: -1 at the phone's start, 1 at its end                   phones
duration      (ln(the phone's length in frames) - 2.7) / 1.4: about ±1 from 20 ms to 300 ms at 5 ms       phones
stress        of the phone's syllable: 0 none (or a pause), 0.5 secondary, 1 primary                      linguistic
POSITIONS     log2(1 + n) / 4 for a count n: 0 in a pause, 0.25 for 1, 0.5 for 3, 1 for 15                linguistic
log_f0        (ln F0 - centre) / spread, linear between the stored values; 0 in an item without voice     f0
voiced        1 or 0, the nearest stored value's; of two equally near the later one's                     f0

The linguistic list is WaveNet's own (phone, stress, syllables of the word, syllable in the phrase, frame in the phone,
duration; van den Oord et al. 2016, section 3.2 and appendix B) with what else the row's columns count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import RequestError
from pipeline.shards.schema import POSITIONS

Row = Mapping[str, Any]
Reals = npt.NDArray[np.floating[Any]]
Features = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

PHONE_COLUMNS = ("phone", "phone_start", "phone_end")
LINGUISTIC_COLUMNS = ("stress", *POSITIONS)
F0_COLUMNS = ("log_f0", "voiced")

NUM_PHONE_FEATURES = 2
NUM_F0_FEATURES = 2

STRESS = np.zeros(256, np.float32)
STRESS[[1, 2]] = 1.0, 0.5
COUNT = (np.log2(1 + np.arange(256)) / 4).astype(np.float32)
"""A byte as a feature. Counts go by their logarithm: one more tells much among few, and little among many."""


@dataclass(frozen=True)
class Frames:
    """The local condition of one item: phones [F] int64, features [F, num_features] float32."""

    phones: Numbers
    features: Features

    def cut(self, start: int, stop: int) -> "Frames":
        """Frames [start, stop)."""
        return Frames(self.phones[start:stop], self.features[start:stop])

    def padded(self, num_frames: int) -> "Frames":
        """The same, its last frame repeated up to `num_frames`; what stands there is never scored."""
        missing = num_frames - len(self.phones)
        if not missing:
            return self
        phones = np.pad(self.phones, (0, missing), mode="edge")
        return Frames(phones, np.pad(self.features, ((0, missing), (0, 0)), mode="edge"))


def frame_centres(frames: range, hop: int) -> Reals:
    """The timesteps at which these frames have their centres, [F]."""
    return (np.arange(frames.start, frames.stop) + 0.5) * hop


def phone_at(ends: Numbers, centres: Reals) -> Numbers:
    """The number of the phone that each centre lies in, [F]; past the last phone it is the last."""
    return np.minimum(np.searchsorted(ends, centres, side="right"), len(ends) - 1)


def phone_features(starts: Numbers, ends: Numbers, centres: Reals, hop: int) -> Features:
    """Position and duration [F, 2], given where each frame's phone starts and ends."""
    length = np.maximum(ends - starts, 1)
    position = np.clip((centres - starts) / length, 0, 1) * 2 - 1
    # So that it weighs as much as the position does.
    duration = (np.log(length / hop) - 2.7) / 1.4
    return np.stack([position, duration], axis=1).astype(np.float32)


def linguistic_features(row: Row, columns: Sequence[str], where: str) -> Features:
    """One value a phone for each of the columns, [P, columns]."""
    codes = np.stack([whole_column(row, column, len(row["phone"]), where) for column in columns], axis=1)
    values = COUNT[codes]
    if "stress" in columns:
        place = columns.index("stress")
        values[:, place] = STRESS[codes[:, place]]
    return values


def f0_features(row: Row, places: Reals, centre: float, spread: float, where: str) -> Features:
    """log_f0 and voiced [F, 2] at these places, counted in stored values from the first; beyond the ends they stay."""
    log_f0 = np.asarray(filled(row, "log_f0", where), np.float64)
    voiced = whole_column(row, "voiced", len(log_f0), where).astype(bool)
    # Where nothing is voiced there is no pitch, whatever number stands in its place.
    pitch = (np.interp(places, np.arange(len(log_f0)), log_f0) - centre) / spread if voiced.any() else 0 * places
    # A place halfway between two values is the rule, not the exception; rounding errors must not choose its side.
    nearest = np.clip(np.floor(places + 0.5 + 1e-6), 0, len(voiced) - 1).astype(np.int64)
    return np.stack([pitch, voiced[nearest]], axis=1).astype(np.float32)


def whole_column(row: Row, column: str, length: int, where: str) -> npt.NDArray[np.uint8]:
    """A column of small numbers, as many as there should be."""
    values = np.asarray(filled(row, column, where), np.uint8)
    if len(values) != length:
        raise RequestError(f"{where}: {len(values)} values of {column}, expected {length}; the row is damaged.")
    return values


def filled(row: Row, column: str, where: str) -> Any:
    """A column that must have something in it."""
    values = row.get(column)
    if values is None or not len(values):
        raise RequestError(f"{where}: no {column}; this model needs it. Prepare the corpus with it.")
    return values
