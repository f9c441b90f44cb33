"""Text as it is said: letters, apostrophes and the marks .,;:!? alone, everything else put into words or left out.

    normalise("“Mr. Smith” paid $5.20 – in 1995!", "en")
    Mister Smith paid five dollars twenty cents, in nineteen ninety five!

A normalised text comes out of it unchanged. Letters keep their case, unless all of a text of several words is in
capitals (LibriSpeech): espeak-ng would spell IT and US then. Digits and the signs %$€£¥ stay where `number_words.py`
does not know the language. Dots stay within initialisms (U.S, p.m) alone, where they end no phrase.
"""

import re
import unicodedata

from pipeline.speech.abbreviations import english_in_full
from pipeline.speech.number_words import PAGES, numbers_as_words

MARKS = ".,;:!?"
STRENGTH = "?!.:;,"
"""Of several marks in a row the first in this order stays."""

UNIFIED = {
    **dict.fromkeys("’‘ʼʻ‛′`´ʹ＇", "'"),
    **dict.fromkeys("‐‑⁃﹣－", "-"),
    **dict.fromkeys("—―()[]{}", ", "),
    **dict.fromkeys("、،，", ", "),
    **dict.fromkeys("。．｡।॥۔", ". "),
    **dict.fromkeys("؟？", "? "),
    **dict.fromkeys("¿¡", " "),
    "…": ". ",
    "！": "! ",
    "：": ": ",
    "；": "; ",
    "؛": "; ",
}
INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")
"""Within words, and no part of them: soft hyphen, zero-width space, word joiner, byte order mark."""

JOINERS = "\u200c\u200d"
"""Part of the spelling in Persian and in Indic scripts."""

SIGNS = "%$€£¥&+=@°#–-−/"
LEFT_TO_ESPEAK = "%$€£¥"
ENGLISH_SIGNS = {"+": " plus ", "=": " equals ", "@": " at ", "°": " degrees "}

INITIALISM = re.compile(r"(?<!\w)([^\W\d_](?:\.[^\W\d_])+)\b\.?(?!')")
INNER_DOT = "\ue000"
"""Stands for the dot of an initialism while other dots are tidied; private, so no text that comes here holds it."""

EDGE_APOSTROPHES = re.compile(rf"'+(?=[\s{MARKS}]|$)|(?<![^\s{MARKS}])'+")
MARK_RUN = re.compile(rf"\s*([{MARKS}][{MARKS}\s]*)")
BETWEEN_DIGITS = re.compile(r"(?<=\d)[.,:](?=\d)")


MOST_ROUNDS = 8
"""What one rule leaves may be another's to read (1/4 where / is left out); two rounds are enough for most texts."""


def normalise(text: str, language: str) -> str:
    """Text as it is said in the language (a tag of espeak-ng's). Empty only where it holds no letter and no digit."""
    for _ in range(MOST_ROUNDS):
        before, text = text, normalised_once(text, language)
        if text == before:
            break
    return text


def normalised_once(text: str, language: str) -> str:
    """One round of all rules."""
    text = " ".join("".join(map(unified, unicodedata.normalize("NFC", text))).split())
    is_english = language.split("-")[0] == "en"
    in_full = english_in_full(text) if is_english else text
    text = in_full.lower() if is_shouted(text) else in_full
    text = numbers_as_words(text, language)
    text = signs_as_words(text, language, is_english)
    return tidy("".join(letter if is_said(letter, language) else " " for letter in text))


def unified(letter: str) -> str:
    """One way of writing for what means the same; a space for what is never said."""
    if letter in UNIFIED or letter in INVISIBLE:
        return UNIFIED.get(letter, "")
    kind = unicodedata.category(letter)
    if kind in ("No", "Nl"):  # ½ ² Ⅳ
        return f" {unicodedata.normalize('NFKC', letter).replace('⁄', '/')} "
    if kind[0] in "LM" or kind == "Nd" or letter in MARKS + JOINERS + SIGNS + "'":
        return letter
    return " "


def is_shouted(text: str) -> bool:
    """Whether a text of several words is all in capitals."""
    return text.isupper() and len(re.findall(r"[^\W\d_]{2,}", text)) > 1


def signs_as_words(text: str, language: str, is_english: bool) -> str:
    """Dashes as commas, & as and; in English, what else is read aloud."""
    text = re.sub(r" - |–", ", ", text)
    page = PAGES.get(language.split("-")[0])
    if page:
        text = text.replace("&", f" {page.and_} ")
    if is_english:
        text = re.sub(r"#(?=\s*\w)", " number ", text)
        text = re.sub(r"(?<=[a-z])\.(?=[a-z]{2})", " dot ", text)
        text = "".join(ENGLISH_SIGNS.get(letter, letter) for letter in text)
    return text


def is_said(letter: str, language: str) -> bool:
    """Whether a character stays: a letter with its marks, a digit that is left, a mark of the sentence."""
    kind = unicodedata.category(letter)
    is_left = letter in LEFT_TO_ESPEAK and language.split("-")[0] not in PAGES
    return kind[0] in "LM" or kind == "Nd" or letter in MARKS + JOINERS + "' " or is_left


def tidy(text: str) -> str:
    """One space between words, one mark after a phrase, apostrophes within words alone."""
    text = EDGE_APOSTROPHES.sub("", re.sub("''+", "'", text))
    text = INITIALISM.sub(lambda found: found[1].replace(".", INNER_DOT) + " ", text)
    text = " ".join(text.split())  # the next pattern goes over a run of spaces from each of them
    text = MARK_RUN.sub(strongest_mark, text)
    return " ".join(text.replace(INNER_DOT, ".").split()).lstrip(MARKS + " ")


def strongest_mark(found: re.Match[str]) -> str:
    """One mark for a run of them; within a number it is none."""
    if BETWEEN_DIGITS.match(found.string, found.start()):
        return found[0]
    return min(found[1].replace(" ", ""), key=STRENGTH.index) + " "
