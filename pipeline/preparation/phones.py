"""Phones laid over the timesteps of an utterance: half-open spans that follow each other without a gap.

Whatever is not covered by a phone is SILENCE. Spans have at least one timestep; both sides of a boundary are rounded
alike, so that no timestep is lost or counted twice.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.errors import ItemError
from pipeline.items import TimedPhone
from pipeline.speech.spans import SILENCE, uniform_ends

SLACK_S = 0.1
"""Labels may overlap or outlast the audio by this much: aligners count in frames of 10 to 30 ms."""


Piece = tuple[str, int | None, int]
"""A phone or pause, its place in the utterance (None for a pause), and where it ends."""


@dataclass(frozen=True)
class Spans:
    """Phone number i sounds at timesteps [start[i], end[i]) and stands at place[i] of its utterance (a pause: None)."""

    phone: tuple[str, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    place: tuple[int | None, ...]

    @classmethod
    def between(cls, pieces: Iterable[Piece]) -> "Spans":
        """From pieces that follow each other from 0; empty ones are dropped, pauses that meet are joined."""
        kept: list[Piece] = []
        for phone, place, end in pieces:
            if end <= (kept[-1][2] if kept else 0):
                continue
            if kept and phone == kept[-1][0] == SILENCE:
                kept[-1] = (SILENCE, None, end)
            else:
                kept.append((phone, place, end))
        phones, places, ends = (tuple(column) for column in zip(*kept, strict=True)) if kept else ((), (), ())
        return cls(phones, (0, *ends[:-1]) if ends else (), ends, places)


def corpus_spans(
    phones: Sequence[TimedPhone], places: Sequence[int | None], rate_hz: int, offset: int, num_timesteps: int
) -> Spans:
    """The corpus's own times on timesteps [0, num_timesteps); `offset` timesteps were trimmed from the start.

    `places` are those of the phones in their utterance, None for pauses. A time t becomes timestep round(t · rate) -
    offset. Raises ItemError at stage "phones" where phones run backwards, overlap, or end after the audio by more than
    `SLACK_S`.
    """
    pieces: list[Piece] = []
    previous_s = 0.0
    for phone, place in zip(phones, places, strict=True):
        check_times(phone, previous_s)
        start = timestep_at(max(phone.start_s, previous_s), rate_hz, offset, num_timesteps)
        end = timestep_at(phone.end_s, rate_hz, offset, num_timesteps)
        pieces += [(SILENCE, None, start), (SILENCE if place is None else phone.phone, place, end)]
        previous_s = max(previous_s, phone.end_s)
    return Spans.between([*pieces, (SILENCE, None, num_timesteps)])


def timestep_at(time_s: float, rate_hz: int, offset: int, num_timesteps: int) -> int:
    """The timestep nearest to a time, within [0, num_timesteps]."""
    return min(max(math.floor(time_s * rate_hz + 0.5) - offset, 0), num_timesteps)


def check_times(phone: TimedPhone, previous_s: float) -> None:
    """Times must run forwards, a little overlap allowed."""
    if not phone.end_s >= phone.start_s >= 0 or not math.isfinite(phone.end_s):
        raise ItemError("phones", f"{phone.phone!r} is said to sound from {phone.start_s} s to {phone.end_s} s")
    if phone.start_s < previous_s - SLACK_S:
        raise ItemError(
            "phones", f"{phone.phone!r} starts at {phone.start_s} s, before the phone ahead of it ends ({previous_s} s)"
        )


def check_against_audio(phones: Sequence[TimedPhone], duration_s: float) -> None:
    """Labels that go on where the recording has ended belong to another recording; a pause at the end may be long."""
    last_s = max((phone.end_s for phone in phones if phone.phone != SILENCE), default=0.0)
    if last_s > duration_s + SLACK_S:
        raise ItemError("phones", f"the corpus's phones end at {last_s:.3f} s, the audio at {duration_s:.3f} s")


def uniform_spans(phones: Sequence[str], num_timesteps: int) -> Spans:
    """Phones spread evenly (`uniform_ends`). Honest about being no alignment at all."""
    if len(phones) > num_timesteps:
        raise ItemError("phones", f"{len(phones)} phones in {num_timesteps} timesteps: the text belongs to other audio")
    return Spans.between(zip(phones, range(len(phones)), uniform_ends(len(phones), num_timesteps), strict=True))
