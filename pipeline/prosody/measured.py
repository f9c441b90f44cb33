"""A row of a dataset as prosody is learned from it: seconds of its phones, and the pitch at their points.

Axes: P phone, K point of a phone, G value of F0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.frames import F0_COLUMNS, LINGUISTIC_COLUMNS, PHONE_COLUMNS
from pipeline.prosody.features import Row
from pipeline.prosody.prosody import Vector, points_of
from pipeline.rows import Rows
from pipeline.shards.dataset import Dataset
from pipeline.shards.plan import evenly
from pipeline.shards.schema import ATTRIBUTES, AudioConventions
from pipeline.speech.spans import SILENCE

COLUMNS = [
    "split",
    *ATTRIBUTES,
    *PHONE_COLUMNS,
    *LINGUISTIC_COLUMNS,
    "word_index",
    "phrase_index",
    "align_method",
    "align_suspect",
    *F0_COLUMNS,
]
"""What is read of a row; the levels are not among it."""

GUESSED = "uniform"
"""The align_method of times that nobody has heard."""


@dataclass(frozen=True)
class Times:
    """When the phones of a row sound, in seconds [P], and which are no pauses."""

    starts_s: Vector
    ends_s: Vector
    is_spoken: NDArray[np.bool_]

    @property
    def seconds(self) -> Vector:
        """How long each lasts."""
        return self.ends_s - self.starts_s


def usable_rows(dataset: Dataset, split: str, most_phones: int) -> Iterator[Row]:
    """Rows of a split whose phones have times that were heard, up to so many phones; one shard is in memory.

    Shards come in an order of their own, the same every time, so that a part of a large dataset is spread over it.
    """
    num_phones = 0
    for index in sorted(range(len(dataset.info.shards)), key=lambda index: evenly(str(index))):
        rows = Rows(dataset.read_shard(index, COLUMNS))
        for row in (rows[number] for number in range(len(rows))):
            if row["split"] == split and is_usable(row):
                yield row
                num_phones += len(row["phone"])
                if num_phones >= most_phones:
                    return


def is_usable(row: Row) -> bool:
    """Whether a row's phones have times, and none that were guessed or are doubted."""
    phones = row["phone"]
    if not phones or row["align_method"] == GUESSED or row["align_suspect"]:
        return False
    starts, ends = row["phone_start"], row["phone_end"]
    return starts is not None and ends is not None and len(starts) == len(ends) == len(phones)


def times_of(row: Row, conventions: AudioConventions) -> Times:
    """The times of a usable row."""
    starts, ends = (np.asarray(row[name], np.float64) for name in ("phone_start", "phone_end"))
    is_spoken = np.array([phone != SILENCE for phone in row["phone"]]) & (ends > starts)
    return Times(starts / conventions.sample_rate_hz, ends / conventions.sample_rate_hz, is_spoken)


def has_pitch(row: Row) -> bool:
    """Whether a row has F0 with a voice in it."""
    log_f0, voiced = row["log_f0"], row["voiced"]
    return log_f0 is not None and voiced is not None and 0 < len(log_f0) == len(voiced) and bool(np.any(voiced))


def pitch_of(row: Row, times: Times, conventions: AudioConventions) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The ln F0 at the points of each phone, [P, K], and which phones are voiced at all of theirs, [P]."""
    places = points_of(times.starts_s, times.ends_s) / conventions.features.frame_period_s
    log_f0, voiced = np.asarray(row["log_f0"], np.float64), np.asarray(row["voiced"], bool)
    nearest = np.clip(np.rint(places), 0, len(voiced) - 1).astype(np.int64)
    return np.interp(places, np.arange(len(log_f0)), log_f0), voiced[nearest].all(axis=1) & times.is_spoken
