"""How a text is said: phrases of words of syllables of phones.

    pronounce("In the water, now.").phrases      ((In, the, water), (now))

A text is normalised first (`normalise.py`). A phrase ends at .,;:!? and words stand between spaces, so a script that
writes no spaces gives one word a phrase. A word without phones (a lone apostrophe) is left out, its text too.

Each word is said by itself, so that phones belong to words ("in the" would come out as one) and the same word has the
same phones in every text, process and order.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from pipeline.errors import ItemError
from pipeline.speech import espeak_words, lexicon
from pipeline.speech.normalise import normalise
from pipeline.speech.syllables import syllables_of
from pipeline.speech.utterance import Phone, Utterance, Word

Method = Literal["espeak", "lexicon"]

PHRASE_END = re.compile(r"[.,;:!?](?=\s|$)")

REMEMBERED_WORDS = 100_000
"""More than the vocabulary of the corpora that we read."""


def pronounce(text: str, language: str = "en-us", method: Method = "espeak") -> Utterance:
    """How a text is said; the same for a text and its normalised form.

    An ItemError at stage "phones" says that the language is unknown (with the nearest ones), or that nothing in the
    text can be said; MissingExtra, that the method's extra is not installed.
    """
    (lexicon if method == "lexicon" else espeak_words).check_speaks(language)
    phrases = (tuple(words_of(phrase, language, method)) for phrase in PHRASE_END.split(normalise(text, language)))
    utterance = Utterance(tuple(phrase for phrase in phrases if phrase))
    if not utterance.phrases:
        raise ItemError("phones", f"nothing in the text {shorten(text)} can be said in {language}")
    return utterance


def words_of(phrase: str, language: str, method: Method) -> Iterator[Word]:
    """The words of a phrase that have phones."""
    for text in phrase.split():
        if syllables := spoken_word(text, language, method):
            yield Word(text, syllables)


@lru_cache(REMEMBERED_WORDS)
def spoken_word(text: str, language: str, method: Method) -> tuple[tuple[Phone, ...], ...]:
    """A word in syllables; none where nothing of it can be said."""
    is_listed = method == "lexicon"
    phones = lexicon.word_phones(text) if is_listed else espeak_words.word_phones(text, language)
    return syllables_of(phones, language)


def shorten(text: str) -> str:
    """A text as it fits into a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
