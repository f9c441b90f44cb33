"""What is learned of durations, pauses and pitch from the rows of a dataset, read once as a stream."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.prosody.features import FeatureSpace, Row
from pipeline.prosody.held_out import Baselines, held_out_figures
from pipeline.prosody.least_squares import Sums
from pipeline.prosody.measured import Times, has_pitch, pitch_of, times_of, usable_rows
from pipeline.prosody.pauses import PauseTally
from pipeline.prosody.prosody import POINTS, Pitch, Prosody
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions
from pipeline.speech.voicing import is_voiced

MOST_PHONES = 500_000
"""Some twelve hours of speech; 5 CPU seconds of work with 300 features."""

MOST_HELD_OUT_PHONES = 100_000


def fit_prosody(dataset: Dataset, splits: tuple[str, str], space: FeatureSpace, *, with_pitch: bool) -> Prosody | None:
    """Learned from the first of these splits, judged on the second; None where no row has phones with heard times."""
    conventions = dataset.info.conventions
    assert isinstance(conventions, AudioConventions)
    fitting = Fitting(space, conventions, with_pitch)
    for row in usable_rows(dataset, splits[0], MOST_PHONES):
        fitting.add(row)
    if not fitting.durations.num_rows:
        return None
    prosody, held_out = fitting.prosody(), usable_rows(dataset, splits[1], MOST_HELD_OUT_PHONES)
    judged = held_out_figures(prosody, fitting.baselines, held_out, conventions)
    return replace(prosody, figures={"fitted_phones": fitting.durations.num_rows, **judged})


@dataclass
class Range:
    """The least and the greatest of what has come by."""

    lowest: float = math.inf
    highest: float = -math.inf

    def add(self, values: np.ndarray) -> None:
        """These too."""
        if values.size:
            self.lowest = min(self.lowest, float(values.min()))
            self.highest = max(self.highest, float(values.max()))


@dataclass
class Fitting:
    """The sums of all rows that have come by; memory grows with the square of the number of features alone."""

    space: FeatureSpace
    conventions: AudioConventions
    with_pitch: bool
    pauses: PauseTally = field(default_factory=PauseTally)
    pitches: Range = field(default_factory=Range)

    def __post_init__(self) -> None:
        num_phones, num_features = len(self.space.phones), self.space.num_features
        self.durations = Sums(num_features, 1)
        self.pitch = Sums(num_features if self.with_pitch else 0, len(POINTS))
        self.shortest, self.longest = np.full(num_phones, np.inf), np.full(num_phones, -np.inf)
        self.baselines = Baselines.of(num_phones)

    def add(self, row: Row) -> None:
        """One more row, with columns as `measured.COLUMNS` names them."""
        times = times_of(row, self.conventions)
        x = self.space.matrix(row, row)
        self.pauses.add(row, times.seconds.tolist())
        self._add_durations(row, times, x)
        if self.with_pitch and has_pitch(row):
            self._add_pitch(row, times, x)

    def _add_durations(self, row: Row, times: Times, x: np.ndarray) -> None:
        codes, seconds = self.space.codes(row["phone"])[times.is_spoken], times.seconds[times.is_spoken]
        self.durations.add(x[times.is_spoken], np.log(seconds)[:, None])
        np.minimum.at(self.shortest, codes, np.log(seconds))
        np.maximum.at(self.longest, codes, np.log(seconds))
        self.baselines.add_durations(codes, seconds)

    def _add_pitch(self, row: Row, times: Times, x: np.ndarray) -> None:
        log_f0, voiced = pitch_of(row, times, self.conventions)
        chosen = voiced & np.array([is_voiced(phone) for phone in row["phone"]])
        self.pitch.add(x[chosen], log_f0[chosen])
        self.pitches.add(log_f0[chosen])
        self.baselines.add_pitch(row)

    def prosody(self) -> Prosody:
        """What the sums give."""
        pitch = None
        if self.pitch.num_rows:
            pitch = Pitch(self.pitch.ridge(), self.pitches.lowest, self.pitches.highest)
        return Prosody(self.space, self.durations.ridge(), self.shortest, self.longest, self.pauses.pauses(), pitch)
