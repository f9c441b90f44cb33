"""Words by a lexicon, and by rules learnt from it: phones of English text without espeak-ng and its licence.

Lexicon and model come from the wheel `gruut-lang-en` (MIT; the lexicon is CMUdict's in IPA), which `python-crfsuite`
(MIT) reads: the optional extra `lexicon`. Of several pronunciations the first is taken ("record" is the noun). Other
words: an initialism (u.s) by its letters, a possessive by its noun, the rest letter by letter by a conditional random
field, which gets some six in seven phones right.

Tokens are written as espeak-ng's (no stress marks, no ties: tʃ), but it is another inventory: vowels carry no mark of
length (i, u, ɑ, ɔ for iː, uː, ɑː, ɔː), ɚ is also what espeak-ng writes ɜː, ɹ after a vowel is a phone of its own, t is
no flap, function words are stressed. A dataset is stamped with where its phones come from, so the two never mix.
"""

import base64
import sqlite3
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.errors import ItemError, MissingExtra
from pipeline.speech.phone_tokens import marked_stress, phone_token
from pipeline.speech.utterance import Phone

LETTERS = frozenset("'abcdefghijklmnopqrstuvwxyzæøþ")
"""What the model has learnt; letters with marks it has seen too seldom, so they come without."""

CONTEXT = 3
"""Letters on each side that the model looks at."""

NO_PHONE = "_"
HISSING = ("s", "z", "ʃ", "ʒ", "tʃ", "dʒ")
VOICELESS = ("p", "t", "k", "f", "θ")

lock = threading.Lock()
"""One caller at a time: the tagger holds the word that it is at."""


def check_speaks(language: str) -> None:
    """An ItemError unless the language is English."""
    if language.split("-")[0] != "en":
        raise ItemError("phones", f"the lexicon knows English alone, not {language!r}; take the phones from espeak")


def word_phones(word: str) -> list[Phone]:
    """A word's phones, each with the stress that is marked on itself; none for a word without a Latin letter."""
    word = word.lower()
    if known := pronunciations().get(word):
        return marked_phones(known.split())
    if "." in word:
        return [phone for letter in word.split(".") for phone in letter_name(letter)]
    noun, apostrophe, rest = word.rpartition("'")
    if apostrophe and rest == "s" and noun in pronunciations():
        return with_possessive(word_phones(noun))
    return marked_phones(guessed(word))


def letter_name(letter: str) -> list[Phone]:
    """How a letter is called; what is no single letter is a word."""
    return marked_phones(["ˈeɪ"]) if letter == "a" else word_phones(letter)


def with_possessive(noun: list[Phone]) -> list[Phone]:
    """A noun and its 's: ɪz after a hiss, s after a voiceless sound, else z."""
    last = noun[-1].symbol
    return [*noun, *map(Phone, ("ɪ", "z") if last in HISSING else ("s",) if last in VOICELESS else ("z",))]


def marked_phones(names: list[str]) -> list[Phone]:
    """Phones from names with stress marks and ties."""
    return [Phone(phone_token(name), marked_stress(name)) for name in names]


def guessed(word: str) -> list[str]:
    """The phones that the model expects of a spelling."""
    spelling = "".join(map(spelt, word))
    if not spelling:
        return []
    with lock:
        labels = tagger().tag(list(features(spelling)))
    return [name for label in labels for name in decoded(label).split("|") if name != NO_PHONE]


def spelt(letter: str) -> str:
    """A letter as the model knows it: without its marks, nothing where it is of another script."""
    plain = unicodedata.normalize("NFKD", letter)[0]
    return plain if plain in LETTERS else ""


def features(spelling: str) -> Iterator[list[str]]:
    """What the model is asked by, a list a letter: the letter, its neighbours, whether the word begins or ends here.

    As gruut's g2p.py names them (a feature that is off is left out).
    """
    codes = [base64.b64encode(letter.encode()).decode() for letter in spelling]
    for place, code in enumerate(codes):
        edges = ["begin"] * (place == 0) + ["end"] * (place == len(codes) - 1)
        around = [
            f"grapheme{step:+d}:{codes[place + step]}"
            for step in range(-CONTEXT, CONTEXT + 1)
            if step and 0 <= place + step < len(codes)
        ]
        yield ["bias", f"grapheme:{code}", *edges, *around]


def decoded(label: str) -> str:
    """A label of the model: phones, joined by |."""
    return base64.b64decode(label).decode()


@cache
def pronunciations() -> dict[str, str]:
    """Every word of the lexicon → its first pronunciation. Read at once: the table has no index to look words up by."""
    uri = f"file:{quote(str(folder() / 'lexicon.db'))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as lexicon:
        return dict(lexicon.execute("SELECT word, phonemes FROM word_phonemes ORDER BY pron_order DESC"))


@cache
def tagger() -> Any:
    """The model, opened once a process."""
    try:
        import pycrfsuite
    except ImportError:
        raise missing("python-crfsuite") from None
    opened = pycrfsuite.Tagger()  # type: ignore[attr-defined]  # a C extension
    opened.open(str(folder() / "g2p" / "model.crf"))
    return opened


def folder() -> Path:
    """Where the wheel keeps its data."""
    try:
        import gruut_lang_en
    except ImportError:
        raise missing("gruut-lang-en") from None
    return Path(gruut_lang_en.__file__).parent


def missing(package: str) -> MissingExtra:
    """What to install."""
    return MissingExtra(
        f"phones from the lexicon need {package}, which is not installed; "
        "install it, in the checkout, with: pip install '.[lexicon]'"
    )
