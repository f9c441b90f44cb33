"""An utterance as a chain of states: three for each sound in order, and between words a silence that may be left out.

A slot is a sound or a silence; slot i has states 3 i, 3 i + 1, 3 i + 2, passed through in this order, each for one
frame or more. The chain begins and ends with a silence and has one between words; whoever leaves a word may skip it.

    sil  [h ə l oʊ]  sil  [w ɚ l d]  sil
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.speech.alignment.phone_classes import units_of
from pipeline.speech.spans import SILENCE
from pipeline.speech.utterance import Utterance

STATES = 3
"""Of a sound: its start, middle and end sound different; 30 ms is also about the shortest that a phone lasts."""

NO_PHONE = -1
"""The place of a silence, which no phone of the utterance is."""


@dataclass(frozen=True)
class Graph:
    """Slot after slot: what sounds, and the place in `Utterance.phones` that it belongs to (NO_PHONE for a silence)."""

    units: tuple[str, ...]
    places: tuple[int, ...]

    @property
    def num_states(self) -> int:
        """How many states a path passes through at most."""
        return STATES * len(self.units)

    @property
    def fewest_frames(self) -> int:
        """How many frames the shortest path has: every sound, no silence."""
        return STATES * sum(place != NO_PHONE for place in self.places)

    def follows_silence(self) -> NDArray[np.bool_]:
        """[S] the first state of each word, which may be entered from the word before as well."""
        places = np.array(self.places)
        first = np.zeros((len(places), STATES), np.bool_)
        first[1:, 0] = (places[:-1] == NO_PHONE) & (places[1:] != NO_PHONE)
        return first.ravel()


def graph_of(utterance: Utterance) -> Graph:
    """The chain of an utterance; words without a phone leave no trace in it."""
    units, places, place = [SILENCE], [NO_PHONE], 0
    for word in utterance.words:
        for phone in word.phones:
            pieces = units_of(phone.symbol)
            units.extend(pieces)
            places.extend([place] * len(pieces))
            place += 1
        if word.phones:
            units.append(SILENCE)
            places.append(NO_PHONE)
    return Graph(tuple(units), tuple(places))
