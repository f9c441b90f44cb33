"""Where nobody speaks: before and after an utterance, between phrases, between words; how often, and how long.

A model is trained on phones with the pauses between them, and a text has none. A pause is put into a text wherever most
training rows had one, as long as theirs were in the mean: the choice that is right most often. Pauses between the words
of a phrase are rarely so frequent, and then none is put there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipeline.speech.spans import SILENCE
from pipeline.speech.utterance import Utterance

START, END, PHRASE, WORD = "start", "end", "phrase", "word"
KINDS = (START, END, PHRASE, WORD)
"""Where a pause may fall: before all phones, after them, between two phrases, between two words of one."""

LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Pauses:
    """Kind → the share of its places with a pause, and the mean length of those there."""

    shares: Mapping[str, float]
    seconds: Mapping[str, float]

    def seconds_at(self, kind: str) -> float:
        """How long a text pauses there, 0 where it does not."""
        return self.seconds.get(kind, 0.0) if self.shares.get(kind, 0.0) >= LEAST_SHARE else 0.0


@dataclass
class PauseTally:
    """What is counted over rows."""

    num_places: Counter[str] = field(default_factory=Counter)
    num_pauses: Counter[str] = field(default_factory=Counter)
    total_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))

    def add(self, row: Mapping[str, Any], seconds: Sequence[float]) -> None:
        """A row's phones, which last so long; pauses between words are counted where the row names words."""
        for kind, pause_s in places_in(row, seconds):
            self.num_places[kind] += 1
            self.num_pauses[kind] += pause_s > 0
            self.total_s[kind] += pause_s

    def pauses(self) -> Pauses:
        """Shares and means."""
        places, pauses = self.num_places, self.num_pauses
        shares = {kind: pauses[kind] / places[kind] for kind in KINDS if places[kind]}
        return Pauses(shares, {kind: self.total_s[kind] / pauses[kind] for kind in KINDS if pauses[kind]})


def places_in(row: Mapping[str, Any], seconds: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Every place of a row where a pause could be, and how long it is: 0 where there is none."""
    spoken = [place for place, phone in enumerate(row["phone"]) if phone != SILENCE]
    if not spoken:
        return
    yield START, float(sum(seconds[: spoken[0]]))
    for before, after in pairwise(spoken):
        if kind := kind_between(row, before, after):
            yield kind, float(sum(seconds[before + 1 : after]))
    yield END, float(sum(seconds[spoken[-1] + 1 :]))


def kind_between(row: Mapping[str, Any], before: int, after: int) -> str:
    """What ends between two phones: a phrase, a word, or nothing that is known."""
    for kind, column in ((PHRASE, "phrase_index"), (WORD, "word_index")):
        index = row.get(column)
        if index is not None and len(index) == len(row["phone"]) and index[before] != index[after]:
            return kind
    return ""


def with_pauses(utterance: Utterance, pauses: Pauses) -> tuple[list[int | None], list[float]]:
    """The places of an utterance's phones with None for each pause, and how long it is; 0 for a phone."""
    places: list[int | None] = []
    seconds: list[float] = []
    for place, kind in enumerate([*kinds_before(utterance), END]):
        if pause_s := pauses.seconds_at(kind):
            places.append(None)
            seconds.append(pause_s)
        if kind != END:
            places.append(place)
            seconds.append(0.0)
    return places, seconds


def kinds_before(utterance: Utterance) -> Iterator[str]:
    """For each phone what kind of place lies before it, "" within a word."""
    kind = START
    for phrase in utterance.phrases:
        for word in phrase:
            for _ in word.phones:
                yield kind
                kind = ""
            kind = WORD
        kind = PHRASE
