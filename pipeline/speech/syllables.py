"""Syllables: where a word falls apart when it is said slowly.

Each vowel, or consonant that is marked syllabic (n̩), is the nucleus of one. The consonants between two nuclei go to the
second as far as a word may begin with them (the maximal onset principle; Kahn, Syllable-based Generalizations in
English Phonology, 1976, ch. 2), the rest to the first. For English "may begin" is a list; for other languages it is a
rule of sonority that most of them keep: one consonant, an obstruent before a liquid or a glide, any consonant before
a glide. ŋ begins no syllable within a word. Departure: languages with richer onsets (Slavic ones) close more syllables
here than their speakers do.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from pipeline.speech.utterance import Phone

VOWELS = frozenset("aeiouyøœɶɑɒæɐəɘɵɛɜɞɤʌɔɪʏʊʉɨɯᵻᵿɚɝɿʅ")
SYLLABIC = "\u0329"
"""The mark below a consonant that is a nucleus; it decomposes from nothing, so it is always a character of its own."""

GLIDES = frozenset("jwɥɰʋʍ")
LIQUIDS = frozenset("lɫɭʎrɹɻɾɽʀʁ")
NASALS = frozenset("mɱnɳɲŋɴ")

BEGINNINGS = """
pl pɹ pj bl bɹ bj tɹ tj tw dɹ dj dw kl kɹ kj kw ɡl ɡɹ ɡj ɡw fl fɹ fj vj θɹ θj θw ʃɹ ʃl hj hw mj nj lj zj
sp st sk sf sl sm sn sw sj spl spɹ spj stɹ stj skl skɹ skj skw
"""
ENGLISH_ONSETS = frozenset(BEGINNINGS.split())
"""What an English word may begin with beyond one consonant, as espeak-ng writes it."""


def syllables_of(phones: Sequence[Phone], language: str) -> tuple[tuple[Phone, ...], ...]:
    """A word's phones, IPA, in syllables; each phone takes on the stress of its syllable."""
    ends = syllable_ends([phone.symbol for phone in phones], language)
    return stressed(phones, ends)


def stressed(phones: Sequence[Phone], ends: Sequence[int]) -> tuple[tuple[Phone, ...], ...]:
    """Phones cut at the ends of syllables; a syllable's stress is the strongest of its phones'."""
    cut = [phones[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(tuple(Phone(phone.symbol, strongest(syllable)) for phone in syllable) for syllable in cut)


def strongest(phones: Sequence[Phone]) -> int:
    """Primary (1) before secondary (2) before none (0)."""
    return min((phone.stress for phone in phones if phone.stress), default=0)


def syllable_ends(sounds: Sequence[str], language: str) -> list[int]:
    """Where each syllable of a word ends, given its sounds in IPA; a word without a nucleus is one syllable."""
    nuclei = [place for place, sound in enumerate(sounds) if is_nucleus(sound)]
    ends = [onset_start(sounds, before + 1, nucleus, language) for before, nucleus in pairwise(nuclei)]
    return [*ends, len(sounds)] if sounds else []


def onset_start(sounds: Sequence[str], first: int, nucleus: int, language: str) -> int:
    """Where the syllable of a nucleus starts, among the consonants from `first` on."""
    return next(start for start in range(first, nucleus + 1) if may_begin(sounds[start:nucleus], language))


def may_begin(consonants: Sequence[str], language: str) -> bool:
    """Whether a syllable may begin with these consonants; an empty one (a closure before its release) is none."""
    consonants = [consonant for consonant in consonants if consonant]
    if any("ŋ" in consonant for consonant in consonants):
        return False
    if len(consonants) < 2:
        return True
    if language.split("-")[0] == "en":
        return "".join(map(plain, consonants)) in ENGLISH_ONSETS
    return len(consonants) == 2 and rises(*consonants)


def rises(first: str, second: str) -> bool:
    """Whether two consonants rise in sonority steeply enough to begin a syllable in most languages."""
    before, after = plain(first)[:1], plain(second)[:1]
    is_obstruent = before not in GLIDES | LIQUIDS | NASALS
    return before not in GLIDES and (after in GLIDES or (is_obstruent and after in LIQUIDS))


@lru_cache(10_000)
def is_nucleus(sound: str) -> bool:
    """Whether a sound makes a syllable; a nasal vowel (ɔ̃, õ) is a vowel and a mark, written apart or not."""
    return any(letter in VOWELS or letter == SYLLABIC for letter in unicodedata.normalize("NFD", sound))


def plain(sound: str) -> str:
    """A consonant without its marks of length, breath and place."""
    return "".join(letter for letter in unicodedata.normalize("NFD", sound) if unicodedata.category(letter) == "Ll")
