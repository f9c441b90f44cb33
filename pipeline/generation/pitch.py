"""The pitch that a request asks for: one frequency, or points in time, to the columns of a row.

    120                                 monotone
    [[0, 110], [0.4, 140], [1.2, 90]]   through these points, straight lines in ln Hz between, ends held

A frame is voiced where its phone is: not in a pause, nor in a voiceless consonant. That is how a model has heard it.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.errors import RequestError
from pipeline.frames import phone_at
from pipeline.generation.fields import is_number, shown
from pipeline.generation.timing import Phones
from pipeline.shards.schema import AudioConventions
from pipeline.speech.f0 import num_frames
from pipeline.speech.voicing import is_voiced

LEAST_HZ, MOST_HZ = 20.0, 2000.0
"""What ears call a pitch, and what voices reach: the lowest creak, above the highest soprano."""

Contour = tuple[tuple[float, float], ...]
"""(time_s, hz), times rising."""


def contour_of(value: Any, duration_s: float, where: str) -> Contour:
    """`f0_hz` as a request gives it; RequestError for anything else."""
    if is_number(value):
        return ((0.0, hertz(value, "f0_hz", where)),)
    if not isinstance(value, list) or not value:
        raise RequestError(
            f"{where}: f0_hz must be a number of hertz or points such as [[0, 110], [0.4, 140]], got {shown(value)}."
        )
    points = tuple(point_of(point, number, duration_s, where) for number, point in enumerate(value))
    for number, ((before_s, _), (time_s, _)) in enumerate(pairwise(points), 1):
        if time_s <= before_s:
            raise RequestError(
                f"{where}: times of f0_hz must rise; f0_hz[{number}] is at {time_s:g} s, after one at {before_s:g} s."
            )
    return points


def point_of(point: Any, number: int, duration_s: float, where: str) -> tuple[float, float]:
    """One point, checked."""
    if not isinstance(point, list) or len(point) != 2 or not is_number(point[0]):
        raise RequestError(f"{where}: f0_hz[{number}] must be [time_s, hz], got {shown(point)}.")
    if not 0 <= point[0] <= duration_s:
        raise RequestError(
            f"{where}: f0_hz[{number}] is at {shown(point[0])} s; the item lasts from 0 to {duration_s:g} s."
        )
    return float(point[0]), hertz(point[1], f"f0_hz[{number}]", where)


def hertz(value: Any, name: str, where: str) -> float:
    """A frequency that a voice can have."""
    if not is_number(value) or not LEAST_HZ <= value <= MOST_HZ:
        raise RequestError(f"{where}: {name} must be from {LEAST_HZ:g} to {MOST_HZ:g} Hz, got {shown(value)}.")
    return float(value)


def f0_columns(
    contour: Contour, phones: Phones, num_timesteps: int, conventions: AudioConventions
) -> dict[str, list[Any]]:
    """log_f0 and voiced, value g at g · frame_period_s like those of a prepared row."""
    rate_hz, period_s = conventions.sample_rate_hz, conventions.features.frame_period_s
    times_s = np.arange(num_frames(num_timesteps, rate_hz, period_s)) * period_s
    log_f0 = np.interp(times_s, [time_s for time_s, _ in contour], [math.log(hz) for _, hz in contour])
    voiced = np.array([is_voiced(phone) for phone in phones.phone])
    return {
        "log_f0": log_f0.astype(np.float32).tolist(),
        "voiced": voiced[phone_at(np.array(phones.end), times_s * rate_hz)].tolist(),
    }
