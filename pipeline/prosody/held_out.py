"""How far predicted durations and pitch are off on rows that they were not learned from, against what is simplest.

figure                          of
duration_rmse_ms                phones that are no pauses; the baseline gives each phone the mean of its kind
duration_correlation            the same, in seconds (Pearson)
f0_rmse_hz f0_rmse_semitones    frames that are voiced in the recording and by their phone, at the recording's own phone
                                times; the baseline gives each speaker the mean ln F0 of its voiced frames
voicing_error                   the share of frames where phone and recording disagree whether there is a voice
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frames import phone_at
from pipeline.prosody.features import Row
from pipeline.prosody.measured import Times, has_pitch, times_of
from pipeline.prosody.prosody import Prosody, Vector
from pipeline.shards.schema import AudioConventions
from pipeline.speech.voicing import is_voiced

SEMITONES = 12 / math.log(2)
"""In one of ln Hz."""


@dataclass
class Baselines:
    """The mean length of each phone, and the mean ln F0 of each speaker."""

    seconds: Vector
    num_phones: Vector
    log_f0: Counter[str] = field(default_factory=Counter)
    num_frames: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, num_phones: int) -> "Baselines":
        """For an inventory of so many phones."""
        return cls(np.zeros(num_phones), np.zeros(num_phones))

    def add_durations(self, codes: NDArray[np.int64], seconds: Vector) -> None:
        """Phones, and how long they last."""
        np.add.at(self.seconds, codes, seconds)
        np.add.at(self.num_phones, codes, 1)

    def add_pitch(self, row: Row) -> None:
        """A row with F0."""
        voiced = np.asarray(row["voiced"], bool)
        self.log_f0[row["speaker"] or ""] += float(np.asarray(row["log_f0"], np.float64)[voiced].sum())  # type: ignore[assignment]
        self.num_frames[row["speaker"] or ""] += int(voiced.sum())

    def seconds_of(self, codes: NDArray[np.int64]) -> Vector:
        """Of each phone the mean of its kind; of one never seen, the mean of all."""
        mean: Vector = np.where(
            self.num_phones[codes] > 0,
            self.seconds[codes] / np.maximum(self.num_phones[codes], 1),
            self.seconds.sum() / self.num_phones.sum(),
        )
        return mean

    def log_f0_of(self, speaker: str) -> float:
        """A speaker's mean; of one never heard, the mean of all."""
        if self.num_frames[speaker]:
            return self.log_f0[speaker] / self.num_frames[speaker]
        return sum(self.log_f0.values()) / sum(self.num_frames.values())


@dataclass
class Errors:
    """Sums of squares of predicted against true values, and what their correlation needs."""

    sums: Vector = field(default_factory=lambda: np.zeros(7))

    def add(self, predicted: Vector, true: Vector) -> None:
        """Some more."""
        values = [np.ones_like(true), predicted, true, predicted**2, true**2, predicted * true, (predicted - true) ** 2]
        self.sums += [value.sum() for value in values]

    @property
    def num(self) -> int:
        """How many."""
        return int(self.sums[0])

    @property
    def rmse(self) -> float:
        """Root of the mean square."""
        return math.sqrt(self.sums[6] / max(self.num, 1))

    @property
    def correlation(self) -> float:
        """Pearson's; 0 where either does not vary."""
        means = self.sums / max(self.num, 1)
        spread = math.sqrt(max(means[3] - means[1] ** 2, 0) * max(means[4] - means[2] ** 2, 0))
        return float((means[5] - means[1] * means[2]) / spread) if spread > 0 else 0.0


class Judge:
    """Errors of predictions and baselines over the rows that come by."""

    def __init__(self, prosody: Prosody, baselines: Baselines, conventions: AudioConventions) -> None:
        self.prosody, self.baselines, self.conventions = prosody, baselines, conventions
        self.durations, self.mean_durations = Errors(), Errors()
        self.hz, self.mean_hz, self.ln, self.mean_ln = Errors(), Errors(), Errors(), Errors()
        self.num_frames = self.num_wrongly_voiced = 0

    def add(self, row: Row) -> None:
        """One more row."""
        times, codes = times_of(row, self.conventions), self.prosody.space.codes(row["phone"])
        spoken, seconds = times.is_spoken, self.prosody.seconds(row, row)
        self.durations.add(seconds[spoken], times.seconds[spoken])
        self.mean_durations.add(self.baselines.seconds_of(codes[spoken]), times.seconds[spoken])
        if self.prosody.pitch is not None and has_pitch(row):
            self._add_pitch(row, times)

    def _add_pitch(self, row: Row, times: Times) -> None:
        log_f0, is_sung = np.asarray(row["log_f0"], np.float64), np.asarray(row["voiced"], bool)
        times_s = np.arange(len(log_f0)) * self.conventions.features.frame_period_s
        frame_phone = phone_at(np.asarray(row["phone_end"]), times_s * self.conventions.sample_rate_hz)
        by_phone = np.array([is_voiced(phone) for phone in row["phone"]])[frame_phone]
        self.num_frames += len(log_f0)
        self.num_wrongly_voiced += int((by_phone != is_sung).sum())
        contour = self.prosody.contour(row, times.starts_s, times.ends_s, row)
        both = by_phone & is_sung
        points_s, points_hz = zip(*contour, strict=True)
        predicted = np.interp(times_s[both], points_s, np.log(points_hz))
        self._add_frames(predicted, log_f0[both], self.baselines.log_f0_of(row["speaker"] or ""))

    def _add_frames(self, predicted: Vector, true: Vector, mean: float) -> None:
        means = np.full_like(true, mean)
        self.ln.add(predicted, true)
        self.mean_ln.add(means, true)
        self.hz.add(np.exp(predicted), np.exp(true))
        self.mean_hz.add(np.exp(means), np.exp(true))

    def figures(self) -> dict[str, Any]:
        """By name; none where nothing came by."""
        found: dict[str, Any] = {"held_out_phones": self.durations.num}
        if self.durations.num:
            found["duration_rmse_ms"] = round(1000 * self.durations.rmse, 2)
            found["duration_rmse_ms_of_phone_means"] = round(1000 * self.mean_durations.rmse, 2)
            found["duration_correlation"] = round(self.durations.correlation, 4)
            found["duration_correlation_of_phone_means"] = round(self.mean_durations.correlation, 4)
        if self.hz.num:
            found["f0_rmse_hz"] = round(self.hz.rmse, 2)
            found["f0_rmse_hz_of_speaker_means"] = round(self.mean_hz.rmse, 2)
            found["f0_rmse_semitones"] = round(SEMITONES * self.ln.rmse, 3)
            found["f0_rmse_semitones_of_speaker_means"] = round(SEMITONES * self.mean_ln.rmse, 3)
            found["voicing_error"] = round(self.num_wrongly_voiced / self.num_frames, 4)
        return found


def held_out_figures(
    prosody: Prosody, baselines: Baselines, rows: Iterable[Row], conventions: AudioConventions
) -> dict[str, Any]:
    """The figures over these rows."""
    judge = Judge(prosody, baselines, conventions)
    for row in rows:
        judge.add(row)
    return judge.figures()
