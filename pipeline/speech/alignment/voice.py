"""The words of utterances said by espeak-ng, for training to start from.

What espeak-ng says depends a little on what its process has said before. So the texts of a shard are said in their
order in a process of their own: what comes depends on the shard, not on the worker or what that did before. A text at
which espeak-ng hangs or crashes is passed over, and the others are said again from the first on, in a new process; one
that something else ends is not taken for a crash (`pipeline/guarding/guard.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

import numpy as np

from pipeline.errors import ConfigError
from pipeline.guarding.guard import Guard, LimitsConfig
from pipeline.guarding.guarded import NO_ITEM, Report
from pipeline.speech.espeak import Speech, Voice, speak
from pipeline.speech.utterance import Utterance

LIMITS = LimitsConfig(item_s=30.0)
"""For a text of seconds: a thousand times what it takes."""

Wanted = tuple[str, str]
"""A text and its language."""

Said = list[Speech | None]


def text_of(utterance: Utterance) -> str:
    """The words as they are written, with a pause between phrases."""
    return ", ".join(" ".join(word.text for word in phrase) for phrase in utterance.phrases) + "."


def say(text: str, language: str) -> Speech | None:
    """One text; None where espeak-ng does not speak the language."""
    try:
        speech = speak(text, Voice(language))
    except ConfigError:
        return None
    return speech if np.any(speech.timesteps) else None


def say_all(wanted: Sequence[Wanted], say_one: Callable[[str, str], Speech | None] = say) -> Said:
    """Each text said in its language, None where that cannot be; equal lists give equal bytes."""
    if not wanted:
        return []
    with closing(Guard()) as guard:
        said: Said = guard.run(say_in_order, wanted, say_one, limits=LIMITS)
        return said


def say_in_order(
    report: Report, condemned: Mapping[int, str], wanted: Sequence[Wanted], say_one: Callable[[str, str], Speech | None]
) -> Said:
    """What runs in the new process."""
    said: Said = []
    for place, (text, language) in enumerate(wanted):
        report(place)
        said.append(None if place in condemned else say_one(text, language))
    report(NO_ITEM)
    return said
