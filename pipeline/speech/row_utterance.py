"""The utterance that a row of a dataset tells of: the inverse of `linguistic.py`.

What the row lacks cannot be told: a phone whose time was trimmed away or lasted under half a timestep, and a syllable
or word that has no other phones. They are no part of the utterance, so it may hold fewer than the row's totals count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from pipeline.errors import ItemError
from pipeline.speech.utterance import Phone, Utterance, Word

PER_PHONE = (
    "phone",
    "word_index",
    "phrase_index",
    "syllable_in_word_forward",
    "phone_in_syllable_forward",
    "stress",
)

COLUMNS = ("word", *PER_PHONE)
"""What is read of a row."""


class Sounded(NamedTuple):
    """A phone of a row, and the numbers of its word and phrase, of its syllable in the word, of itself in that."""

    phone: Phone
    word: int
    phrase: int
    syllable: int
    number: int


def utterance_of_row(row: Mapping[str, Any]) -> tuple[Utterance, list[int | None]]:
    """The utterance, and for each of the row's phones its place in `utterance.phones`, None for a pause.

    The exact inverse of `linguistic_columns` where every word has a phone and every phone a place; positions that a
    byte does not hold are counted anew. A row that lacks one of `COLUMNS`, or whose columns do not fit each other, is
    an ItemError at stage "phones".
    """
    require_columns(row, PER_PHONE)
    sounded = list(sounded_phones(row))
    texts = texts_of(row, sounded)
    phrases = (
        tuple(Word(texts[word - 1], syllables_of(run)) for word, run in groupby(phrase, attrgetter("word")))
        for _, phrase in groupby(sounded, attrgetter("phrase"))
    )
    return Utterance(tuple(phrases)), list(places_of(row["word_index"]))


def require_columns(row: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a row that lacks one of these columns, or has in one of them more or fewer values than phones."""
    for name in names:
        values = row.get(name)
        if values is None:
            raise ItemError("phones", f"the row has no {name}: it is not known how its phones make words")
        if len(values) != len(row["phone"]):
            raise ItemError("phones", f"the row has {len(row['phone'])} phones and {len(values)} values of {name}")


def sounded_phones(row: Mapping[str, Any]) -> Iterator[Sounded]:
    """The row's phones but its pauses."""
    for symbol, word, phrase, syllable, number, stress in zip(*(row[name] for name in PER_PHONE), strict=True):
        if word:
            yield Sounded(Phone(symbol, stress), word, phrase, syllable, number)


def texts_of(row: Mapping[str, Any], sounded: Sequence[Sounded]) -> Sequence[str]:
    """The texts of the row's words, as many as its phones name."""
    texts: Sequence[str] = row.get("word") or ()
    strange = next((one.word for one in sounded if not 1 <= one.word <= len(texts)), None)
    if strange is not None:
        raise ItemError("phones", f"the row has {len(texts)} words, and phones of word {strange}")
    return texts


def syllables_of(word: Iterable[Sounded]) -> tuple[tuple[Phone, ...], ...]:
    """A word's phones by syllables. Those after the 255th have one number: there the first phone alone tells."""
    syllables: list[list[Phone]] = []
    last = 0
    for one in word:
        if not syllables or one.syllable != last or one.number == 1:
            syllables.append([])
        syllables[-1].append(one.phone)
        last = one.syllable
    return tuple(map(tuple, syllables))


def places_of(word_index: Iterable[int]) -> Iterator[int | None]:
    """Places counted through all phones but the pauses."""
    count = 0
    for word in word_index:
        yield count if word else None
        count += bool(word)
