"""A row's phones as numbers: what duration and pitch are regressed on.

Axes: P phone, D feature.

block         a phone's values
phone         1 for its own symbol
before after  1 for its neighbour's symbol; one more for "none": the utterance begins or ends here
stressed      1 for its own symbol where the syllable has primary stress
final         1 for its own symbol in the last syllable of a phrase: what is said there is drawn out
stress        1 for primary, 1 for secondary
counts        log2(1 + n) / 4 of each of POSITIONS
ends          1 for each of POSITIONS that counts from an end and is 1: first or last of its kind
places        how far it lies into the utterance, the phrase, and its phrase into the phrases: 0 to 1
attributes    1 for each attribute's value: speaker, emotion, language

What a row does not tell (stress and positions, where a corpus names no words) is 0, and so is a symbol that is not
known. How long a phone is goes by its kind, its neighbours, stress and the end of a phrase (Klatt, "Linguistic uses of
segmental duration in English", 1976); their factors multiply, so that their logarithms add up (van Santen, "Assignment
of segmental duration in text-to-speech synthesis", 1994).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.frames import COUNT
from pipeline.shards.schema import POSITIONS

Row = Mapping[str, Any]
Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]

UNKNOWN = -1
ENDS = tuple(name for name in POSITIONS if name.endswith(("forward", "backward")))
RATIOS = (
    ("syllable_in_phrase_forward", "syllables_in_phrase"),
    ("phrase_in_utterance_forward", "phrases_in_utterance"),
)

MOST_VALUES = 1000
"""An attribute of more values is left out: the sums that are kept grow with the square of their number."""


@dataclass(frozen=True)
class FeatureSpace:
    """What stands in which column. phones: the symbols that are known; attributes: name → its values."""

    phones: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]

    @cached_property
    def known(self) -> dict[str, tuple[str, ...]]:
        """The attributes that are used."""
        return {name: values for name, values in self.attributes.items() if len(values) <= MOST_VALUES}

    @cached_property
    def starts(self) -> dict[str, int]:
        """The first column of each block; of "" the number of columns, D."""
        num = len(self.phones)
        sizes = {"phone": num, "before": num + 1, "after": num + 1, "stressed": num, "final": num, "stress": 2}
        sizes |= {"counts": len(POSITIONS), "ends": len(ENDS), "places": 1 + len(RATIOS)}
        sizes |= {f"attribute {name}": len(values) for name, values in self.known.items()}
        return dict(zip([*sizes, ""], accumulate(sizes.values(), initial=0), strict=True))

    @property
    def num_features(self) -> int:
        """D."""
        return self.starts[""]

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {phone: code for code, phone in enumerate(self.phones)}

    def codes(self, phones: Sequence[str]) -> Codes:
        """The number of each symbol, UNKNOWN where it is not known."""
        return np.array([self._code_of.get(phone, UNKNOWN) for phone in phones], np.int64)

    def matrix(self, row: Row, attributes: Mapping[str, Any]) -> Matrix:
        """[P, D] of a row's phones, pauses among them; `attributes` as the row or the request has them."""
        codes = self.codes(row["phone"])
        x = np.zeros((len(codes), self.num_features))
        self._mark_symbols(x, codes)
        self._mark_stress(x, codes, row)
        self._fill_positions(x, row)
        for name, values in self.known.items():
            if attributes.get(name) in values:
                x[:, self.starts[f"attribute {name}"] + values.index(attributes[name])] = 1
        return x

    def _mark_symbols(self, x: Matrix, codes: Codes) -> None:
        none = len(self.phones)
        self._mark(x, "phone", codes)
        self._mark(x, "before", np.concatenate([[none], codes[:-1]]))
        self._mark(x, "after", np.concatenate([codes[1:], [none]]))

    def _mark_stress(self, x: Matrix, codes: Codes, row: Row) -> None:
        stress = per_phone(row, "stress")
        self._mark(x, "stressed", np.where(stress == 1, codes, UNKNOWN))
        self._mark(x, "final", np.where(per_phone(row, "syllable_in_phrase_backward") == 1, codes, UNKNOWN))
        self._mark(x, "stress", np.where(stress > 0, stress.astype(np.int64) - 1, UNKNOWN))

    def _mark(self, x: Matrix, block: str, codes: Codes) -> None:
        marked = np.flatnonzero(codes != UNKNOWN)
        x[marked, self.starts[block] + codes[marked]] = 1

    def _fill_positions(self, x: Matrix, row: Row) -> None:
        starts = self.starts
        for place, name in enumerate(POSITIONS):
            x[:, starts["counts"] + place] = COUNT[per_phone(row, name)]
        for place, name in enumerate(ENDS):
            x[:, starts["ends"] + place] = per_phone(row, name) == 1
        x[:, starts["places"]] = np.arange(len(x)) / max(len(x) - 1, 1)
        for place, (forward, total) in enumerate(RATIOS, start=1):
            x[:, starts["places"] + place] = per_phone(row, forward) / np.maximum(per_phone(row, total), 1)


def per_phone(row: Row, name: str) -> NDArray[np.uint8]:
    """A column of small numbers, one a phone; zeros where the row does not have it."""
    values = row.get(name)
    if values is None or len(values) != len(row["phone"]):
        return np.zeros(len(row["phone"]), np.uint8)
    return np.asarray(values, np.uint8)
