"""Praat's TextGrid, as the Montreal Forced Aligner and people write it: times of phones and words.

Source: Praat manual, "TextGrid file formats". In a text file only free-standing numbers, texts in double quotes and
flags (`<exists>`) count; all else is there for the eye, so that the long and the short form are read by one rule.
Traps: UTF-16 with a byte-order mark, in either order; a quote within a text is doubled, and a text may hold line ends;
`!` begins a comment; "" and `sp sil` are pauses, `spn` is a word that the aligner did not know; tiers of points are
passed over; the aligner names tiers `speaker - phones`, and adds empty ones for other speakers of the file; xmax may
differ from the audio's duration.
"""

import re
from collections.abc import Iterator
from typing import NoReturn

from pipeline.corpora.labels.intervals import Interval, Times, checked, is_silence, one_line, timed_phones, timed_words
from pipeline.errors import ItemError

MOST_TIERS = 1000

PHONE_TIERS = frozenset({"phones", "phone", "phonemes", "phoneme"})

WORD_TIERS = frozenset({"words", "word"})

TOKEN = re.compile(
    r"""
    "(?P<text>(?:[^"]++|"")*+)"
    | (?P<number>(?<!\S)[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?(?!\S))
    | <(?P<flag>\w+)>
    | ![^\r\n]*
    | (?P<open>")
    """,
    re.VERBOSE | re.ASCII,
)
"""Each alternative is linear: nothing is tried twice, whatever the file holds."""

Tier = tuple[str, list[Interval]]


def read_textgrid(data: bytes, source: str) -> Times:
    """Phones and words of a TextGrid file; ItemError at stage "times" says why there are none."""
    tiers = read_tiers(data, source)
    phones, words = tier_of(tiers, PHONE_TIERS, source), tier_of(tiers, WORD_TIERS, source)
    if not phones and not words:
        names = ", ".join(repr(name) for name, _ in tiers[:8]) or "none"
        raise ItemError("times", f"{source}: expected a tier named phones or words, got {names}")
    return timed_phones(checked(phones, source) if phones else ()), timed_words(checked(words, source) if words else ())


def tier_of(tiers: list[Tier], names: frozenset[str], source: str) -> list[Interval]:
    """The tier of one of these names, of its own or after "speaker - "; among several the one where anybody speaks."""
    found = [tier for tier in tiers if tier[0].lower().rpartition(" - ")[2].strip() in names]
    if len(found) > 1:
        found = [tier for tier in found if not all(is_silence(interval.text) for interval in tier[1])] or found[:1]
    if len(found) > 1:
        one, other = found[0][0], found[1][0]
        raise ItemError("times", f"{source}: tiers {one!r} and {other!r}; expected one speaker an utterance")
    return found[0][1] if found else []


def read_tiers(data: bytes, source: str) -> list[Tier]:
    """Every tier of intervals: its name, and the intervals in order."""
    tokens = Tokens(decoded(data, source), source)
    if tokens.text() != "ooTextFile" or tokens.text() != "TextGrid":
        raise ItemError(
            "times", f'{source}: expected a TextGrid ("ooTextFile", "TextGrid"), got a file of another kind'
        )
    tokens.number(), tokens.number()
    if tokens.flag() != "exists":
        return []
    tiers = [read_tier(tokens) for _ in range(tokens.count(MOST_TIERS))]
    return [tier for tier in tiers if tier is not None]


def read_tier(tokens: "Tokens") -> Tier | None:
    """The next tier; None for one of points, which have no length."""
    kind, name = tokens.text(), one_line(tokens.text())
    tokens.number(), tokens.number()
    num_entries = tokens.count()
    if kind == "IntervalTier":
        return name, [tokens.interval() for _ in range(num_entries)]
    if kind == "TextTier":
        for _ in range(num_entries):
            tokens.number(), tokens.text()
        return None
    tokens.refuse(f"a tier of class {kind!r}", "IntervalTier or TextTier")


class Tokens:
    """What counts in the file, one by one; each method expects the next to be of its kind."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.matches: Iterator[re.Match[str]] = (one for one in TOKEN.finditer(text) if one.lastgroup)

    def next(self, kind: str, expected: str) -> str:
        """The next token, if it is of this kind."""
        match = next(self.matches, None)
        if match is None:
            self.refuse("the end of the file", expected)
        if match.lastgroup == "open":
            self.refuse("a text without its closing quote", expected)
        if match.lastgroup != kind:
            self.refuse(match[0][:40], expected)
        return str(match[kind])

    def text(self) -> str:
        """A text in quotes."""
        return self.next("text", "a text in quotes").replace('""', '"')

    def number(self) -> float:
        """A free-standing number."""
        return float(self.next("number", "a number").rstrip("%"))

    def flag(self) -> str:
        """A word in angle brackets."""
        return self.next("flag", "<exists>")

    def count(self, most: int = 2**31) -> int:
        """How many entries follow. Nothing is set aside for them: the file ends before a number that lies."""
        value = self.number()
        if not (0 <= value <= most and value == int(value)):
            self.refuse(str(value), f"a whole number up to {most}")
        return int(value)

    def interval(self) -> Interval:
        """One interval of a tier."""
        return Interval(self.number(), self.number(), one_line(self.text()))

    def refuse(self, got: str, expected: str) -> NoReturn:
        """Say what is wrong with the file."""
        raise ItemError("times", f"{self.source}: a broken TextGrid: expected {expected}, got {got}")


def decoded(data: bytes, source: str) -> str:
    """The file's text: UTF-16 where a byte-order mark says so, else UTF-8."""
    if data.startswith(b"ooBinaryFile"):
        raise ItemError("times", f"{source}: a binary TextGrid; save it as a text file in Praat")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ItemError(
            "times", f"{source}: expected UTF-8, or UTF-16 with its mark; byte {error.start} cannot be read"
        ) from error
