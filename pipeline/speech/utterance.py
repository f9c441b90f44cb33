"""What an utterance is made of: phrases of words of syllables of phones.

Every source of phones (espeak-ng, a lexicon, a corpus's own labels) gives this, and everything that needs phones
(alignment, linguistic features, labels) takes it. Pauses are no part of it: where they fall is heard, not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone token (`speech/phones.py`) and the stress of its syllable: 0 none, 1 primary, 2 secondary."""

    symbol: str
    stress: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it is written, and how it is said."""

    text: str
    syllables: tuple[tuple[Phone, ...], ...]

    @property
    def phones(self) -> tuple[Phone, ...]:
        """Its phones in order."""
        return tuple(phone for syllable in self.syllables for phone in syllable)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Phrases, each a run of words that are said without a pause that punctuation asks for."""

    phrases: tuple[tuple[Word, ...], ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order."""
        return tuple(word for phrase in self.phrases for word in phrase)

    @property
    def phones(self) -> tuple[Phone, ...]:
        """All phones in order: what a place in an utterance counts through, from 0."""
        return tuple(phone for word in self.words for phone in word.phones)

    def word_of_phone(self) -> Iterator[int]:
        """For each phone the number of its word, from 0."""
        for number, word in enumerate(self.words):
            yield from [number] * len(word.phones)
