"""Phones: what a text is made of when it is said.

A phone token is IPA as espeak-ng writes it, its length mark kept (iː is not i), stress marks and ties dropped; a
diphthong, an affricate or a rhotic vowel is one token (aɪ, tʃ, ɔːɹ). A pause is the token `SILENCE`.
"""

import re

from pipeline.errors import ConfigError, ItemError
from pipeline.items import TimedPhone
from pipeline.speech.espeak import Speech, check_language, phone_groups
from pipeline.speech.spans import SILENCE

DROPPED = re.compile("[ˈˌ͡‿\u200d\u200c_|-]")
"""Stress marks, ties, joiners, and the pauses that some languages write between words."""

LANGUAGE_SWITCH = re.compile(r"\([a-z][a-z0-9-]*\)")
"""Words of another script come between marks such as (ru) and (en-us), which are no phones."""


def phones_of_text(text: str, language: str = "en-us") -> list[str]:
    """The phones of a text, its words in order and said in context; pauses are left out.

    An ItemError says that the language is unknown (with the nearest ones), or that nothing in the text can be said.
    """
    try:
        check_language(language)
    except ConfigError as error:
        raise ItemError("phones", str(error)) from None
    tokens = (phone_token(name) for group in phone_groups(text, language) for name in group)
    phones = [token for token in tokens if token]
    if not phones:
        raise ItemError("phones", f"nothing in the text {shorten(text)} can be said in {language}")
    return phones


def phone_token(name: str) -> str:
    """A phone as the library names it to the token that stands in a dataset; empty where it is none."""
    return DROPPED.sub("", LANGUAGE_SWITCH.sub("", name))


def shorten(text: str) -> str:
    """A text as it fits into a message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def timed_phones(speech: Speech) -> tuple[TimedPhone, ...]:
    """The phones of synthetic speech with their times, from the first timestep to the last without a gap.

    Pauses are `SILENCE`, neighbouring ones merged; a phone that lasts no time is left out.
    """
    names = [phone_token(event.name) or SILENCE for event in speech.events]
    starts = [event.start for event in speech.events]
    if not starts or starts[0] > 0:
        names, starts = [SILENCE, *names], [0, *starts]
    ends = [*starts[1:], len(speech.timesteps)]
    spans: list[tuple[str, int, int]] = []
    for name, start, end in zip(names, starts, ends, strict=True):
        if spans and name == SILENCE == spans[-1][0]:
            spans[-1] = (SILENCE, spans[-1][1], end)
        elif end > start:
            spans.append((name, start, end))
    rate = speech.sample_rate_hz
    return tuple(TimedPhone(name, start / rate, end / rate) for name, start, end in spans)
