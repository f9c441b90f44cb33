"""How far an aligner's onsets lie from other labels: made by hand, by another aligner, or along with the speech.

Phones of both sides are matched by edit distance (`matching.py`), as a text's pronunciation and what was said differ;
onsets of those that match are compared, and how many do not is said. Words are matched by how they are written.

TIMIT marks the closure of a stop apart from its burst: the two are one phone here. Its glottal stop and epenthetic
silence, which no text has, go to the phone before.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from pipeline.items import TimedPhone, TimedWord
from pipeline.speech.alignment.align import Alignment
from pipeline.speech.alignment.matching import matched
from pipeline.speech.alignment.phone_classes import class_of
from pipeline.speech.spans import SILENCE
from pipeline.speech.utterance import Utterance

CLOSURES = {"bcl": "b", "dcl": "d", "gcl": "g", "pcl": "p", "tcl": "t", "kcl": "k"}
RELEASES = {"d": ("jh", "ch"), "t": ("ch", "jh")}
"""What may follow a closure beside its own burst."""
NO_PHONES = ("q", "epi")

LIMITS_MS = (10, 20, 25, 50)


@dataclass(frozen=True)
class Onsets:
    """Errors in seconds, positive where the aligner is late, of what matched; and how many there were to match."""

    errors_s: NDArray[np.float64]
    num_labelled: int

    def __add__(self, other: "Onsets") -> "Onsets":
        return Onsets(np.concatenate([self.errors_s, other.errors_s]), self.num_labelled + other.num_labelled)


NO_ONSETS = Onsets(np.zeros(0), 0)


@dataclass(frozen=True)
class Figures:
    """What is told of onsets: shares of those that match, times in milliseconds; the bias is the median error."""

    num_matched: int
    unmatched_share: float
    shares_within: dict[int, float]
    mean_ms: float
    median_ms: float
    bias_ms: float


def figures(onsets: Onsets) -> Figures:
    """The figures of some onsets; NaN where none match."""
    errors_ms = 1000 * onsets.errors_s
    sizes = np.abs(errors_ms)
    if not sizes.size:
        nothing = float("nan")
        return Figures(0, float(onsets.num_labelled > 0), dict.fromkeys(LIMITS_MS, nothing), nothing, nothing, nothing)
    return Figures(
        num_matched=sizes.size,
        unmatched_share=1 - sizes.size / onsets.num_labelled,
        shares_within={limit: float(np.mean(sizes < limit)) for limit in LIMITS_MS},
        mean_ms=float(sizes.mean()),
        median_ms=float(np.median(sizes)),
        bias_ms=float(np.median(errors_ms)),
    )


def phone_onsets(labels: Sequence[TimedPhone], utterance: Utterance, alignment: Alignment) -> Onsets:
    """Of the phones of one utterance."""
    labelled = spoken_phones(labels)
    starts = starts_of(alignment)
    pairs = matched([phone.phone for phone in labelled], [phone.symbol for phone in utterance.phones])
    errors = [starts[place] - labelled[label].start_s for label, place in pairs]
    return Onsets(np.array(errors, np.float64), len(labelled))


def word_onsets(labels: Sequence[TimedWord], utterance: Utterance, alignment: Alignment) -> Onsets:
    """Of its words."""
    labelled = [word for word in labels if plain(word.word)]
    starts = starts_of(alignment)
    firsts = first_places(utterance)
    said = [plain(utterance.words[number].text) for number in firsts]
    matcher = SequenceMatcher(None, [plain(word.word) for word in labelled], said, autojunk=False)
    places = list(firsts.values())
    errors = [
        starts[places[block.b + offset]] - labelled[block.a + offset].start_s
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]
    return Onsets(np.array(errors, np.float64), len(labelled))


def starts_of(alignment: Alignment) -> dict[int, float]:
    """Place of a phone → its onset."""
    return {span.place: span.start_s for span in alignment.spans if span.place is not None}


def first_places(utterance: Utterance) -> dict[int, int]:
    """Number of a word that has phones → place of its first."""
    found: dict[int, int] = {}
    for place, number in enumerate(utterance.word_of_phone()):
        found.setdefault(number, place)
    return found


def plain(word: str) -> str:
    """A word as it is compared: letters and digits in lower case."""
    return re.sub(r"[\W_]", "", word.lower())


def spoken_phones(labels: Iterable[TimedPhone]) -> list[TimedPhone]:
    """Labels without pauses, TIMIT's closures joined to their bursts."""
    found: list[TimedPhone] = []
    closure = ""
    for label in labels:
        if label.phone in NO_PHONES or class_of(label.phone) == SILENCE:
            closure = ""
            continue
        is_burst = bool(closure) and label.phone in (closure, *RELEASES.get(closure, ()))
        if is_burst and found:
            found[-1] = TimedPhone(label.phone, found[-1].start_s, label.end_s)
        else:
            found.append(TimedPhone(CLOSURES.get(label.phone, label.phone), label.start_s, label.end_s))
        closure = CLOSURES.get(label.phone, "")
    return found
