"""What is known of each phone from the text: its stress, its word and phrase, and where it stands in all of them.

One value a phone, as `shards/schema.py` has it: counts from 1 in both directions with the totals, 0 for a pause. The
positions are those of the local conditions of WaveNet (van den Oord et al., 2016, section 3.2) and of HTS labels.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from pipeline.shards.schema import POSITIONS
from pipeline.speech.utterance import Phone, Utterance, Word

MOST = 255
"""A position is one byte."""

PER_PHONE = ("stress", "word_index", "phrase_index", *POSITIONS)


def linguistic_columns(utterance: Utterance, places: Sequence[int | None]) -> dict[str, list[Any]]:
    """The columns of a row: places[i] is the place in `utterance.phones` of the row's phone i, None for a pause.

    `word` holds the utterance's words, one each; every other column has one value for each of the places, word_index
    and phrase_index counted from 1, positions of more than 255 as 255.
    """
    known = list(values_of_phones(utterance))
    pause = (0,) * len(PER_PHONE)
    rows = [pause if place is None else known[place] for place in places]
    columns = {name: [row[number] for row in rows] for number, name in enumerate(PER_PHONE)}
    return {"word": [word.text for word in utterance.words], **columns}


def values_of_phones(utterance: Utterance) -> Iterator[tuple[int, ...]]:
    """For each phone in order its values, by `PER_PHONE`."""
    firsts = accumulate((len(phrase) for phrase in utterance.phrases), initial=1)
    for number, (phrase, first) in enumerate(zip(utterance.phrases, firsts, strict=False), start=1):
        phrase_position = position(number, len(utterance.phrases))
        for index, phone, within in positions_in_phrase(phrase):
            yield (phone.stress, first + index, number, *map(capped, (*within, *phrase_position)))


def positions_in_phrase(phrase: Sequence[Word]) -> Iterator[tuple[int, Phone, tuple[int, ...]]]:
    """For each phone the number of its word in the phrase, from 0, itself, and its positions up to the phrase."""
    num_syllables = sum(len(word.syllables) for word in phrase)
    syllable_number = 0
    for index, word in enumerate(phrase):
        for in_word, syllable in enumerate(word.syllables, start=1):
            syllable_number += 1
            outer = (
                *position(in_word, len(word.syllables)),
                *position(syllable_number, num_syllables),
                *position(index + 1, len(phrase)),
            )
            for in_syllable, phone in enumerate(syllable, start=1):
                yield index, phone, (*position(in_syllable, len(syllable)), *outer)


def position(number: int, total: int) -> tuple[int, int, int]:
    """Forward, backward, total: the first of three is 1, 3, 3."""
    return number, total + 1 - number, total


def capped(value: int) -> int:
    """As much as a byte holds."""
    return min(value, MOST)
