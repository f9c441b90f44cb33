"""How a draw may depart from the model: by guidance, temperature, top-k and top-p.

Axes: B lane.

The defaults follow the model exactly, and a lane that keeps them is drawn as if no lane departed, to the bit. Each is a
departure: what is drawn no longer has the model's probabilities. The nll_nats of an item stays that of the model as it
is, conditional and at temperature 1, whatever it was drawn with. In this order:

    guidance w    log p(x | c) becomes log p(x) + w · (log p(x | c) - log p(x)): `guidance.py`
    temperature   as the family of distributions has it: `Distribution.tempered`
    top_k         the k likeliest levels stay
    top_p         of these, their probabilities made to sum to one again, the fewest likeliest stay that reach p
                  (Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020); the one that crosses p stays

For a softmax the first two may change places; for the others each of the two sides is tempered, then combined.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

ALL_LEVELS = 2**31 - 1
"""As top_k: every level of any model stays."""


@dataclass(frozen=True)
class Departures:
    """One number each, or one per lane [B]. ValueError for a number that means nothing.

    temperature  above 0; below 1 crowds the likeliest levels
    top_k        1 or more; 1 always takes the likeliest level
    top_p        above 0 to 1; near 0 takes the likeliest level
    guidance     0 or more; 0 leaves the condition out, above 1 gives it more weight than it had in training. A guided
                 lane (not 1) is computed twice.
    """

    temperature: float | Tensor = 1.0
    top_k: int | Tensor = ALL_LEVELS
    top_p: float | Tensor = 1.0
    guidance: float | Tensor = 1.0

    def __post_init__(self) -> None:
        for name, (is_allowed, rule) in RULES.items():
            value = getattr(self, name)
            allowed = is_allowed(value)
            if not bool(allowed.all() if isinstance(allowed, Tensor) else allowed):
                raise ValueError(f"{rule}, got {value.tolist() if isinstance(value, Tensor) else value}")

    def for_lanes(self, num_lanes: int, device: torch.device) -> "LaneDepartures":
        """A number for each lane; ValueError for those of another number of lanes."""
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return LaneDepartures(**{name: per_lane(name, value, num_lanes, device) for name, value in given.items()})


@dataclass(frozen=True)
class LaneDepartures:
    """The same, a tensor [B] each."""

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    guidance: Tensor

    def rows(self, chosen: Tensor) -> "LaneDepartures":
        """Those of some lanes."""
        return LaneDepartures(*(getattr(self, entry.name)[chosen] for entry in fields(self)))

    def is_weighed(self, num_levels: int) -> Tensor:
        """Which lanes [B] ask for the probability of every level: those that are guided or truncated."""
        return (self.top_k < num_levels) | (self.top_p < 1) | (self.guidance != 1)


def is_whole(value: Any) -> bool:
    """Whether a number, or all of a tensor, is of a type of whole numbers."""
    if isinstance(value, Tensor):
        return not (value.is_floating_point() or value.dtype == torch.bool)
    return isinstance(value, int) and not isinstance(value, bool)


RULES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "temperature": (lambda x: (x > 0) & (x < math.inf), "a temperature is above 0 (1 follows the model)"),
    "top_k": (lambda x: (x >= 1) & is_whole(x), "top_k is a whole number of levels, 1 or more"),
    "top_p": (lambda x: (x > 0) & (x <= 1), "top_p is above 0 and at most 1 (1 follows the model)"),
    "guidance": (lambda x: (x >= 0) & (x < math.inf), "guidance is 0 or more (1 follows the model)"),
}
"""What each may be, a number or a tensor, and how to say so."""

NO_DEPARTURES = Departures()
"""Draws follow the model."""


def per_lane(name: str, value: float | Tensor, num_lanes: int, device: torch.device) -> Tensor:
    """A value for each lane, [B]; float64 where one number is given."""
    dtype = None if isinstance(value, Tensor | int) else torch.float64
    values = torch.as_tensor(value, dtype=dtype, device=device)
    if values.shape not in ((), (num_lanes,)):
        raise ValueError(f"{name} must be one number or {num_lanes}, one per lane, got shape {tuple(values.shape)}")
    return values.expand(num_lanes)


def stack_departures(departures: Sequence[Departures]) -> Departures:
    """Those of single lanes as one with a tensor [B] for each."""
    return Departures(
        torch.tensor([float(one.temperature) for one in departures], dtype=torch.float64),
        torch.tensor([int(one.top_k) for one in departures]),
        torch.tensor([float(one.top_p) for one in departures], dtype=torch.float64),
        torch.tensor([float(one.guidance) for one in departures], dtype=torch.float64),
    )
