"""What is learned of durations and pitch, and what it makes of a text.

Axes: P phone, D feature, K point of a phone.

Durations are regressed in ln seconds, and the mean of what is spread so is exp(mean + variance / 2): sums of predicted
durations come out as long as recordings are. Pitch is regressed in ln Hz, at `POINTS` of each phone that is voiced at
all of them. Neither leaves what was seen: no phone is shorter or longer than some of its kind were, and no pitch
passes either end.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.prosody.features import UNKNOWN, FeatureSpace, Row
from pipeline.prosody.least_squares import Ridge
from pipeline.prosody.pauses import Pauses, with_pauses
from pipeline.speech.linguistic import linguistic_columns
from pipeline.speech.spans import SILENCE
from pipeline.speech.utterance import Utterance
from pipeline.speech.voicing import is_voiced

POINTS = (1 / 6, 1 / 2, 5 / 6)
"""Where in a phone its pitch is told, as shares of its length: both halves of a rise or fall."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Spoken:
    """A text to be said: phones with pauses among them, seconds [P], and the columns that a row has of them."""

    phone: tuple[str, ...]
    seconds: Vector
    linguistic: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Pitch:
    """ln F0 at `POINTS` and the ends of what was seen, ln Hz."""

    ridge: Ridge
    lowest: float
    highest: float


@dataclass(frozen=True)
class Prosody:
    """shortest, longest: ln seconds of each phone of the space, [P]. pitch is None where no F0 was to be learned.

    figures: how it does on held-out rows (`held_out.py`). sha256: of its page, where it was saved or read.
    """

    space: FeatureSpace
    durations: Ridge
    shortest: Vector
    longest: Vector
    pauses: Pauses
    pitch: Pitch | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def spoken(self, utterance: Utterance, attributes: Mapping[str, Any]) -> Spoken:
        """A text's phones with the pauses that most training rows had, and how long each lasts."""
        places, pause_s = with_pauses(utterance, self.pauses)
        said = utterance.phones
        phones = tuple(SILENCE if place is None else said[place].symbol for place in places)
        linguistic = linguistic_columns(utterance, places)
        seconds = self.seconds({"phone": phones, **linguistic}, attributes)
        return Spoken(phones, np.where([place is None for place in places], pause_s, seconds), linguistic)

    def seconds(self, row: Row, attributes: Mapping[str, Any]) -> Vector:
        """How long each phone of a row lasts, [P]; of a pause it is not asked, and the number there means nothing."""
        return self.seconds_of(self.space.matrix(row, attributes), self.space.codes(row["phone"]))

    def seconds_of(self, x: NDArray[np.float64], codes: NDArray[np.int64]) -> Vector:
        """The same from features [P, D]; a phone that was never seen is held to what any phone was."""
        expected = self.durations.predict(x)[:, 0] + self.durations.variance[0] / 2
        seconds: Vector = np.exp(np.clip(expected, bounds(self.shortest, codes, min), bounds(self.longest, codes, max)))
        return seconds

    def contour(
        self, row: Row, starts_s: Vector, ends_s: Vector, attributes: Mapping[str, Any]
    ) -> tuple[tuple[float, float], ...]:
        """(time_s, hz) at the points of every voiced phone of a row, or of every one where none is voiced.

        Only for one that has learned pitch.
        """
        assert self.pitch is not None
        voiced = np.array([is_voiced(phone) for phone in row["phone"]])
        chosen = voiced if voiced.any() else ~voiced
        x = self.space.matrix(row, attributes)[chosen]
        log_f0 = np.clip(self.pitch.ridge.predict(x), self.pitch.lowest, self.pitch.highest)
        times_s = points_of(starts_s, ends_s)[chosen]
        return tuple((float(time_s), math.exp(value)) for time_s, value in zip(times_s.flat, log_f0.flat, strict=True))


def points_of(starts: Vector, ends: Vector) -> NDArray[np.float64]:
    """The `POINTS` of phones that sound over these times, [P, K]."""
    points: NDArray[np.float64] = starts[:, None] + (ends - starts)[:, None] * np.array(POINTS)
    return points


def bounds(of_each: Vector, codes: NDArray[np.int64], of_all: Any) -> Vector:
    """What each phone is held to, [P]; a phone that was never seen, to the widest of all."""
    is_seen = (codes != UNKNOWN) & np.isfinite(of_each[codes])
    seen = of_each[np.isfinite(of_each)]
    return np.where(is_seen, of_each[codes], of_all(seen))
