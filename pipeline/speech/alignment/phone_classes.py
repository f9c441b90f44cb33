"""How phones of different inventories relate: what is modelled as one sound, and what counts as the same when compared.

IPA as espeak-ng and lexica write it, ARPAbet with stress digits (CMUdict, the Montreal Forced Aligner), and TIMIT's
own ARPAbet are read.
"""

import re
import unicodedata

from pipeline.speech.spans import SILENCE

TIES = re.compile("[͜͡‿ˈˌ]")

PIECES: dict[str, tuple[str, ...]] = {
    **{vowel + "ɹ": (vowel, "ɹ") for vowel in ("ɑː", "ɔː", "oː", "ɛ", "ɪ", "ʊ", "aɪ", "aʊ")},
    "əl": ("ə", "l"),
    "iə": ("iː", "ə"),
    "aɪɚ": ("aɪ", "ɚ"),
    "aɪə": ("aɪ", "ə"),
}
"""Tokens of espeak-ng that are several sounds: each is modelled by itself, or it would be too rare to be learnt."""

NEAR: dict[str, str] = {
    "i": "iː", "u": "uː", "ɔ": "ɔː", "oː": "ɔː", "ɑ": "ɑː", "ᵻ": "ɪ", "ɐ": "ə", "ɜː": "ɚ", "ɝ": "ɚ", "n̩": "n",
    "l̩": "l", "m̩": "m", "ʔ": "t", "r": "ɹ", "g": "ɡ", "əʊ": "oʊ", "ɫ": "l",
}  # fmt: skip
"""Sounds that lie so near each other that they are learnt together."""

ARPABET: dict[str, str] = {
    "iː": "iy", "ɪ": "ih", "ɛ": "eh", "æ": "ae", "ɑː": "aa", "ɔː": "ao", "ʊ": "uh", "uː": "uw", "ʌ": "ah", "ə": "ah",
    "ɚ": "er", "eɪ": "ey", "aɪ": "ay", "ɔɪ": "oy", "aʊ": "aw", "oʊ": "ow", "a": "ae", "ɒ": "aa", "b": "b", "d": "d",
    "ɡ": "g", "p": "p", "t": "t", "k": "k", "ɾ": "dx", "f": "f", "v": "v", "θ": "th", "ð": "dh", "s": "s", "z": "z",
    "ʃ": "sh", "ʒ": "zh", "h": "hh", "tʃ": "ch", "dʒ": "jh", "m": "m", "n": "n", "ŋ": "ng", "l": "l", "ɹ": "r",
    "w": "w", "j": "y", "x": "k", "ɬ": "l",
}  # fmt: skip

TIMIT_NEAR: dict[str, str] = {
    "ax": "ah", "ax-h": "ah", "ix": "ih", "axr": "er", "ux": "uw", "hv": "hh", "em": "m", "en": "n", "nx": "n",
    "eng": "ng", "el": "l",
}  # fmt: skip

PAUSES = frozenset({"", SILENCE, "sp", "pau", "h#", "#h", "<eps>", "<p:>", "_", "ssil", "brth"})
"""How corpora and aligners write that nothing is said."""

ARPABET_VOWELS = frozenset({"iy", "ih", "eh", "ae", "aa", "ao", "uh", "uw", "ah", "er", "ey", "ay", "oy", "aw", "ow"})
ARPABET_PHONES = frozenset(ARPABET.values())
IPA_VOWELS = frozenset("aeiouyøœɶɑɒæɐəɘɵɛɜɞɤʌɔɪʏʊʉɨɯᵻɚɝ")


def units_of(symbol: str) -> tuple[str, ...]:
    """The sounds that a phone token is modelled by, in order; a token without a rule is one of its own."""
    plain = TIES.sub("", symbol)
    return tuple(NEAR.get(piece, piece) for piece in PIECES.get(plain, (plain,)))


def class_of(label: str) -> str:
    """What a label of any inventory is compared as: ARPAbet in lower case, SILENCE for a pause, else itself.

    One letter means the same in all of them, but for y, which is taken for ARPAbet's (IPA j).
    """
    plain = TIES.sub("", label)
    if plain.lower() in PAUSES:
        return SILENCE
    arpabet = plain.lower().rstrip("012")
    arpabet = TIMIT_NEAR.get(arpabet, arpabet)
    if arpabet in ARPABET_PHONES:
        return arpabet
    first = units_of(plain)[0]
    return ARPABET.get(first, first)


def is_vowel_label(label: str) -> bool:
    """Whether a label, of any inventory, is a vowel's."""
    name = class_of(label)
    return name in ARPABET_VOWELS if name in ARPABET_PHONES else is_vowel(name)


def is_vowel(unit: str) -> bool:
    """Whether a unit, of IPA, is a vowel; its first letter says so, whatever marks it bears."""
    return any(letter in IPA_VOWELS for letter in unicodedata.normalize("NFD", unit)[:1])
