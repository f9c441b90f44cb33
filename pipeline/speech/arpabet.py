"""ARPAbet, as CMUdict, TIMIT, Festival and HTS write it, in either case: each symbol and its sound in IPA.

CMUdict marks stress by a digit behind a vowel (AH0 none, AH1 primary, AH2 secondary). TIMIT writes a stop as a closure
and a release (tcl t); a closure is no sound of its own here, nor is an epenthetic silence (epi). Sources: the CMU
Pronouncing Dictionary; TIMIT's phoncode.doc.
"""

import re
from collections.abc import Collection, Sequence

from pipeline.speech.syllables import is_nucleus

TABLE = """
aa ɑ  ae æ  ah ʌ  ao ɔ  aw aʊ  ax ə  ax-h ə  axr ɚ  ay aɪ  eh ɛ  er ɝ  ey eɪ  ih ɪ  ix ɨ  iy i  ow oʊ  oy ɔɪ  uh ʊ
uw u  ux ʉ  el l̩  em m̩  en n̩  eng ŋ̩
b b  ch tʃ  d d  dh ð  dx ɾ  f f  g ɡ  hh h  hv h  jh dʒ  k k  l l  m m  n n  ng ŋ  nx ɾ  p p  q ʔ  r ɹ  s s  sh ʃ
t t  th θ  v v  w w  wh w  y j  z z  zh ʒ
"""
PAIRS = TABLE.split()
SOUNDS = {
    **dict(zip(PAIRS[::2], PAIRS[1::2], strict=True)),
    **dict.fromkeys(("bcl", "dcl", "gcl", "pcl", "tcl", "kcl", "epi"), ""),
}
"""Symbol → its sound; a closure has none."""

MARKED = re.compile(r"^([A-Za-z][A-Za-z-]*)([012])$")

STRESS = {"0": 0, "1": 1, "2": 2}


def is_arpabet(symbols: Collection[str]) -> bool:
    """Whether symbols are ARPAbet and not IPA: none is beyond ASCII, and a vowel is among them.

    Not every one must be known: noises have names of their own (spn).
    """
    known = [SOUNDS.get(split_stress(symbol)[0].lower(), "") for symbol in symbols]
    return all(map(str.isascii, symbols)) and any(map(is_nucleus, known))


def sounds_of(symbols: Sequence[str]) -> list[str]:
    """The sounds of symbols in IPA, which they may be themselves."""
    return list(map(sound_of, symbols)) if is_arpabet(symbols) else list(symbols)


def sound_of(symbol: str) -> str:
    """The sound of an ARPAbet symbol, empty for a closure; itself where it is none."""
    return SOUNDS.get(split_stress(symbol)[0].lower(), symbol)


def split_stress(symbol: str) -> tuple[str, int]:
    """A symbol without the digit that marks its stress, and the stress."""
    if found := MARKED.match(symbol):
        return found[1], STRESS[found[2]]
    return symbol, 0
