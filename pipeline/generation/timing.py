"""How long a requested item is, and when its phones sound: seconds to timesteps.

A boundary between phones stands at the rounded sum of the durations before it, so rounding never adds up. Phones leave
no gap and end where the item does. An item whose length is no multiple of the model's frame is drawn to the end of its
last frame and cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from pipeline.errors import RequestError
from pipeline.generation.fields import is_number, shown
from pipeline.speech.spans import uniform_ends

MOST_SECONDS = 1e6
"""Eleven days: no duration is longer, and none too large for a float."""


@dataclass(frozen=True)
class Phones:
    """Phones with their times: phone i sounds over timesteps [start[i], end[i]).

    `linguistic`: the columns of a row that say where each stands in its utterance; none unless they are of a text.
    """

    phone: tuple[str, ...] = ()
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    align_method: str = ""
    linguistic: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def requested_phones(pairs: Any, sample_rate_hz: int, where: str) -> Phones:
    """`[[phone, duration_s], ...]` as a request gives it; RequestError for anything else."""
    if not isinstance(pairs, list) or not pairs:
        raise RequestError(f'{where}: phones must be a list such as [["h", 0.08], ["aɪ", 0.2]], got {shown(pairs)}.')
    names, durations_s = zip(
        *(phone_and_duration(pair, number, where) for number, pair in enumerate(pairs)), strict=True
    )
    ends = [round(total_s * sample_rate_hz) for total_s in accumulate(durations_s)]
    return without_gaps(names, ends, "requested", where)


def phone_and_duration(pair: Any, number: int, where: str) -> tuple[str, float]:
    """One pair, checked."""
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str) or not pair[0]:
        raise RequestError(f"{where}: phones[{number}] must be [phone, duration_s], got {shown(pair)}.")
    return pair[0], positive_seconds(pair[1], f"phones[{number}]", where)


def uniform_phones(names: Sequence[str], num_timesteps: int, where: str) -> Phones:
    """Phones of equal length over the item: honest, and named "uniform" in the row."""
    return without_gaps(names, uniform_ends(len(names), num_timesteps), "uniform", where)


def predicted_phones(names: Sequence[str], seconds: Sequence[float], num_timesteps: int, where: str) -> Phones:
    """Phones whose lengths are to each other as predicted, over the item: "predicted" in the row."""
    if len(names) > num_timesteps:
        raise RequestError(f"{where}: {len(names)} phones in {num_timesteps} timesteps; give them more time.")
    return without_gaps(names, scaled_ends(seconds, num_timesteps), "predicted", where)


def scaled_ends(seconds: Sequence[float], num_timesteps: int) -> list[int]:
    """Where phones end when they share the timesteps in these proportions: the last at `num_timesteps` exactly.

    A boundary stands at the rounded sum of what is before it, moved by as little as leaves every phone a timestep.
    """
    reached = list(accumulate(seconds))
    ends, end = list[int](), 0
    for number, reached_s in enumerate(reached, start=1):
        room = num_timesteps - (len(seconds) - number)
        end = min(max(round(reached_s / reached[-1] * num_timesteps), end + 1), room)
        ends.append(end)
    return ends


def without_gaps(names: Sequence[str], ends: Sequence[int], align_method: str, where: str) -> Phones:
    """Phones one after the other; one that would last less than a timestep is an error."""
    starts = (0, *ends[:-1])
    for number, (name, start, end) in enumerate(zip(names, starts, ends, strict=True)):
        if end <= start:
            raise RequestError(f"{where}: phone {number} ({name!r}) lasts less than one timestep; give it more time.")
    return Phones(tuple(names), starts, tuple(ends), align_method)


def timesteps_of(duration_s: Any, sample_rate_hz: int, where: str) -> int:
    """A duration in whole timesteps, at least one."""
    num_timesteps = round(positive_seconds(duration_s, "duration_s", where) * sample_rate_hz)
    if num_timesteps < 1:
        raise RequestError(f"{where}: duration_s {duration_s} is less than one timestep at {sample_rate_hz} Hz.")
    return num_timesteps


def positive_seconds(value: Any, name: str, where: str) -> float:
    """A number of seconds above zero."""
    if not is_number(value) or not 0 < value <= MOST_SECONDS:
        raise RequestError(f"{where}: {name} must be a number of seconds above 0, got {shown(value)}.")
    return float(value)
