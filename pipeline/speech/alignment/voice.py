"""The words of utterances said by espeak-ng, for training to start from.

What espeak-ng says depends a little on what its process has said before. So the texts of a shard are said in their
order in a process of their own: what comes depends on the shard, not on the worker or what that did before.
"""

from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from pipeline.errors import ConfigError
from pipeline.speech.espeak import Speech, Voice, fresh_process, speak
from pipeline.speech.utterance import Utterance

MOST_SECONDS_TO_SAY = 600.0
"""Of a shard: a hundred times what it takes."""

Wanted = tuple[str, str]
"""A text and its language."""


def text_of(utterance: Utterance) -> str:
    """The words as they are written, with a pause between phrases."""
    return ", ".join(" ".join(word.text for word in phrase) for phrase in utterance.phrases) + "."


def say_in_order(wanted: Sequence[Wanted]) -> list[Speech | None]:
    """What runs in the new process."""
    return [say(text, language) for text, language in wanted]


def say_all(
    wanted: Sequence[Wanted], say_these: Callable[[Sequence[Wanted]], list[Speech | None]] = say_in_order
) -> list[Speech | None]:
    """Each text said in its language, None where espeak-ng does not speak it; equal lists give equal bytes.

    All are None where espeak-ng crashes on one of them: training has other ways to start, and other shards.
    """
    if not wanted:
        return []
    try:
        with fresh_process() as process:
            return process.submit(say_these, wanted).result(timeout=MOST_SECONDS_TO_SAY)
    except BrokenProcessPool:
        return [None] * len(wanted)


def say(text: str, language: str) -> Speech | None:
    """One text."""
    try:
        speech = speak(text, Voice(language))
    except ConfigError:
        return None
    return speech if np.any(speech.timesteps) else None
