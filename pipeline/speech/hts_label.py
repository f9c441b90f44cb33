"""One line of an HTS label file: when, and a phone with all of its context.

    1300000 2050000 x^sil-hh+iy=t@1_2/A:0_0_0/B:1-1-2@1-1&1-4#1-3$1-4!0-1;0-1|iy/C:1+1+4/D:0_0/E: ... /J:13+9-2

Times are in units of 100 ns; a line of a state ends in its number, [2] to [6]. A field that does not apply is x.
Source: lab_format.pdf of the HTS demo for English (HTS working group; Tokuda, Zen and Black, 2002).
"""

import re
from dataclasses import dataclass, fields

from pipeline.errors import ItemError

FORMAT = (
    "{p1}^{p2}-{p3}+{p4}={p5}@{p6}_{p7}/A:{a1}_{a2}_{a3}"
    "/B:{b1}-{b2}-{b3}@{b4}-{b5}&{b6}-{b7}#{b8}-{b9}${b10}-{b11}!{b12}-{b13};{b14}-{b15}|{b16}/C:{c1}+{c2}+{c3}"
    "/D:{d1}_{d2}/E:{e1}+{e2}@{e3}+{e4}&{e5}+{e6}#{e7}+{e8}/F:{f1}_{f2}"
    "/G:{g1}_{g2}/H:{h1}={h2}@{h3}={h4}|{h5}/I:{i1}={i2}/J:{j1}+{j2}-{j3}"
)
NOT_APPLICABLE = "x"


@dataclass(frozen=True, slots=True)
class Context:
    """The fields of a label by the specification's names, as they are written.

    p   phones: the last but one, the last, itself, the next, the next but one; its place in the syllable, forward and
        backward
    a   the last syllable: stressed, accented, phones; c the next
    b   the syllable: the same; its place in the word and in the phrase, forward and backward; stressed syllables before
        and after it in the phrase, accented ones; syllables from the last stressed one and to the next, of accented
        ones; its vowel
    d   the last word: part of speech, syllables; f the next
    e   the word: the same; its place in the phrase; content words before and after it; words from the last content
        word and to the next
    g   the last phrase: syllables, words; i the next
    h   the phrase: the same; its place in the utterance; its tone at the end (ToBI)
    j   the utterance: syllables, words, phrases
    """

    p1: str = NOT_APPLICABLE
    p2: str = NOT_APPLICABLE
    p3: str = NOT_APPLICABLE
    p4: str = NOT_APPLICABLE
    p5: str = NOT_APPLICABLE
    p6: str = NOT_APPLICABLE
    p7: str = NOT_APPLICABLE
    a1: str = NOT_APPLICABLE
    a2: str = NOT_APPLICABLE
    a3: str = NOT_APPLICABLE
    b1: str = NOT_APPLICABLE
    b2: str = NOT_APPLICABLE
    b3: str = NOT_APPLICABLE
    b4: str = NOT_APPLICABLE
    b5: str = NOT_APPLICABLE
    b6: str = NOT_APPLICABLE
    b7: str = NOT_APPLICABLE
    b8: str = NOT_APPLICABLE
    b9: str = NOT_APPLICABLE
    b10: str = NOT_APPLICABLE
    b11: str = NOT_APPLICABLE
    b12: str = NOT_APPLICABLE
    b13: str = NOT_APPLICABLE
    b14: str = NOT_APPLICABLE
    b15: str = NOT_APPLICABLE
    b16: str = NOT_APPLICABLE
    c1: str = NOT_APPLICABLE
    c2: str = NOT_APPLICABLE
    c3: str = NOT_APPLICABLE
    d1: str = NOT_APPLICABLE
    d2: str = NOT_APPLICABLE
    e1: str = NOT_APPLICABLE
    e2: str = NOT_APPLICABLE
    e3: str = NOT_APPLICABLE
    e4: str = NOT_APPLICABLE
    e5: str = NOT_APPLICABLE
    e6: str = NOT_APPLICABLE
    e7: str = NOT_APPLICABLE
    e8: str = NOT_APPLICABLE
    f1: str = NOT_APPLICABLE
    f2: str = NOT_APPLICABLE
    g1: str = NOT_APPLICABLE
    g2: str = NOT_APPLICABLE
    h1: str = NOT_APPLICABLE
    h2: str = NOT_APPLICABLE
    h3: str = NOT_APPLICABLE
    h4: str = NOT_APPLICABLE
    h5: str = NOT_APPLICABLE
    i1: str = NOT_APPLICABLE
    i2: str = NOT_APPLICABLE
    j1: str = NOT_APPLICABLE
    j2: str = NOT_APPLICABLE
    j3: str = NOT_APPLICABLE

    def __str__(self) -> str:
        """As it stands in a label."""
        return FORMAT.format_map({name: getattr(self, name) for name in NAMES})


NAMES = tuple(field.name for field in fields(Context))
"""Its fields; to copy them as `asdict` does takes longer than all else that writing a label does."""


@dataclass(frozen=True, slots=True)
class Label:
    """A line: [start, end) in units of 100 ns, None where it has no times; the state of a whole phone is None."""

    start: int | None
    end: int | None
    context: Context
    state: int | None = None

    def __str__(self) -> str:
        """The line."""
        times = "" if self.start is None else f"{self.start} {self.end} "
        return f"{times}{self.context}{'' if self.state is None else f'[{self.state}]'}"


def context_pattern() -> str:
    """What a context looks like: a field ends before the next sign, so a line is read in one way and one pass."""
    parts = re.split(r"\{(\w+)\}", FORMAT)[1:]
    return "".join(
        rf"(?P<{name}>[^\s{re.escape(sign[:1] or '[')}]*){re.escape(sign)}"
        for name, sign in zip(parts[::2], parts[1::2], strict=True)
    )


TIMES = r"(?P<start>[0-9]{1,18})\s+(?P<end>[0-9]{1,18})\s+"
LINE = re.compile(rf"(?:{TIMES})?{context_pattern()}(?:\[(?P<state>[0-9])\])?")


def parse_label(line: str) -> Label:
    """A line of a label file; `str()` of it is the line again. An ItemError at stage "phones" shows what is none."""
    found = LINE.fullmatch(line.strip())
    if not found:
        raise ItemError("phones", f"expected an HTS label, p1^p2-p3+p4=p5@p6_p7/A:... to /J:..., got {line[:80]!r}")
    context = Context(**{name: found[name] for name in NAMES})
    start, end, state = (None if found[name] is None else int(found[name]) for name in ("start", "end", "state"))
    return Label(start, end, context, state)
