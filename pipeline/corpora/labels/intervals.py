"""Labelled intervals, which every format of times comes to, and what they become: timed phones, timed words."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.errors import ItemError
from pipeline.items import TimedPhone, TimedWord
from pipeline.speech.spans import SILENCE, SILENCE_LABELS

Times = tuple[tuple[TimedPhone, ...], tuple[TimedWord, ...]]

MOST_LABEL = 256
"""Characters: the longest words known have about 190; what is longer is no phone and no word."""


class Interval(NamedTuple):
    """[start_s, end_s) and what is written there."""

    start_s: float
    end_s: float
    text: str


def is_silence(text: str) -> bool:
    """Whether a label says that nobody speaks."""
    return text.lower() in SILENCE_LABELS


def timed_phones(intervals: Iterable[Interval]) -> tuple[TimedPhone, ...]:
    """Phones in the file's order; pauses are `SILENCE`, whatever the file calls them."""
    return tuple(TimedPhone(SILENCE if is_silence(text) else text, start, end) for start, end, text in intervals)


def timed_words(intervals: Iterable[Interval]) -> tuple[TimedWord, ...]:
    """Words in the file's order; pauses are no words."""
    return tuple(TimedWord(text, start, end) for start, end, text in intervals if not is_silence(text))


def checked(intervals: Sequence[Interval], source: str) -> Sequence[Interval]:
    """The same intervals, if there are any, each runs forwards from 0 or later and has a label. ItemError otherwise.

    Whether they follow each other and end where the audio does is checked when they are laid over it.
    """
    if not intervals:
        raise ItemError("times", f"{source} holds no times")
    for start_s, end_s, text in intervals:
        if not (0 <= start_s <= end_s and math.isfinite(end_s)):
            raise ItemError("times", f"{source}: {text[:60]!r} is said to sound from {start_s} s to {end_s} s")
        if len(text) > MOST_LABEL:
            raise ItemError("times", f"{source}: a label of {len(text)} characters; expected {MOST_LABEL} at most")
    return intervals


def one_line(text: str) -> str:
    """A label without white space around it and without line ends within."""
    return " ".join(text.split())
