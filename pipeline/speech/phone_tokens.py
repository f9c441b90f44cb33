"""From a phone as espeak-ng names it to the token that stands in a dataset.

A phone token is IPA as espeak-ng writes it, its length mark kept (iː is not i), stress marks and ties dropped; a
diphthong, an affricate or a rhotic vowel is one token (aɪ, tʃ, ɔːɹ).
"""

import re
from functools import lru_cache

DROPPED = re.compile("[ˈˌ͡‿\u200d\u200c_|-]")
"""Stress marks, ties, joiners, and the pauses that some languages write between words."""

LANGUAGE_SWITCH = re.compile(r"\([a-z][a-z0-9-]*\)")
"""Words of another script come between marks such as (ru) and (en-us), which are no phones."""


@lru_cache(10_000)
def phone_token(name: str) -> str:
    """A phone as the library names it to the token that stands in a dataset; empty where it is none."""
    return DROPPED.sub("", LANGUAGE_SWITCH.sub("", name))


def marked_stress(name: str) -> int:
    """The stress that is marked on a phone: 0 none, 1 primary, 2 secondary."""
    return 1 if "ˈ" in name else 2 if "ˌ" in name else 0
