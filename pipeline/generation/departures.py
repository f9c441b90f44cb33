"""How a request departs from the model's own probabilities: temperature, top_k, top_p, guidance.

What each does stands in `models/sampling/departures.py`.
"""

from collections.abc import Mapping
from typing import Any

from models.sampling import ALL_LEVELS, Departures
from pipeline.errors import RequestError
from pipeline.generation.fields import is_number, shown, whole_number

LEAST_TEMPERATURE, MOST_TEMPERATURE = 1e-3, 1e3
"""Near the first draws are the likeliest levels, near the last they are all equal: nothing lies beyond."""

MOST_GUIDANCE = 100.0
"""Above it only the differences between conditions would be heard or seen."""


def departures_of(
    data: Mapping[str, Any], num_levels: int, is_conditional: bool, condition_dropout: float, where: str
) -> Departures:
    """What a request asks for; a RequestError where a model of so many levels, trained so, cannot give it."""
    return Departures(
        temperature=temperature_of(data, where),
        top_k=whole_number(data, "top_k", ALL_LEVELS, 1, num_levels, where) if "top_k" in data else ALL_LEVELS,
        top_p=top_p_of(data, where),
        guidance=guidance_of(data, is_conditional, condition_dropout, where),
    )


def temperature_of(data: Mapping[str, Any], where: str) -> float:
    """A number above zero, and not so far from one that float32 cannot divide by it."""
    value = data.get("temperature", 1.0)
    if not is_number(value) or not LEAST_TEMPERATURE <= value <= MOST_TEMPERATURE:
        raise RequestError(
            f"{where}: temperature must be a number from {LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g} "
            f"(1 follows the model), got {shown(value)}."
        )
    return float(value)


def top_p_of(data: Mapping[str, Any], where: str) -> float:
    """A probability above zero."""
    value = data.get("top_p", 1.0)
    if not is_number(value) or not 0 < value <= 1:
        raise RequestError(
            f"{where}: top_p must be a number above 0 and at most 1 (1 follows the model), got {shown(value)}."
        )
    return float(value)


def guidance_of(data: Mapping[str, Any], is_conditional: bool, condition_dropout: float, where: str) -> float:
    """A weight of the condition; other than 1 only where the model has learnt to do without it."""
    value = data.get("guidance", 1.0)
    if not is_number(value) or not 0 <= value <= MOST_GUIDANCE:
        raise RequestError(
            f"{where}: guidance must be a number from 0 to {MOST_GUIDANCE:g} (1 follows the model), got {shown(value)}."
        )
    if value != 1 and not is_conditional:
        raise RequestError(f"{where}: guidance weighs the condition, and this model has none; leave guidance out.")
    if value != 1 and not condition_dropout:
        raise RequestError(
            f"{where}: guidance {value:g} needs a model that has also learnt to draw without its condition, and this "
            "one always had it; leave guidance out, or train a model with --set training.condition_dropout=0.1."
        )
    return float(value)
