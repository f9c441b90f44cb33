"""Phones in a row: of a text, and of synthetic speech. A pause is the token `SILENCE`; tokens: `phone_tokens.py`."""

from pipeline.items import TimedPhone
from pipeline.speech.espeak import Speech
from pipeline.speech.phone_tokens import phone_token
from pipeline.speech.pronounce import pronounce
from pipeline.speech.spans import SILENCE


def phones_of_text(text: str, language: str = "en-us") -> list[str]:
    """The phones of a text by espeak-ng, its words in order (`pronounce.py`, whose errors it has); no pauses.

    The one rule for recordings and for requests: a model is asked for phones as it has seen them.
    """
    return [phone.symbol for phone in pronounce(text, language).phones]


def timed_phones(speech: Speech) -> tuple[TimedPhone, ...]:
    """The phones of synthetic speech with their times, from the first timestep to the last without a gap.

    Pauses are `SILENCE`, neighbouring ones merged; a phone that lasts no time is left out. They are said in context,
    hence not always those of `phones_of_text` ("the apple" has ðɪ here, ðə there).
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
