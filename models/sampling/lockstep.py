"""Requests in lanes of one lockstep batch (`lanes.py` says why), drawn with the model's cache."""

import math
from collections.abc import Sequence

import torch

from models.autoregressive import Autoregressive
from models.sampling.cached import Begin, CachedSampling
from models.sampling.departures import stack_departures
from models.sampling.draws import Draws, OnProgress, sampling_mode
from models.sampling.lanes import (
    DrawnItem,
    LaneRequest,
    common_shape,
    filled,
    item_of,
    stack_conditions,
    stack_kept,
)
from models.sampling.state import State


def sample_lanes(
    model: Autoregressive, requests: Sequence[LaneRequest], num_lanes: int, on_progress: OnProgress | None = None
) -> list[DrawnItem]:
    """The requested items, 1 to num_lanes rows of them, in the order of the requests.

    ValueError for more requests than lanes, a num_lanes that is no multiple of 8, pictures of different shapes.
    """
    with sampling_mode(model):
        lanes = LockstepLanes(model, requests, num_lanes)
        while lanes.advance():
            if on_progress is not None:
                on_progress(lanes.sampling.position)
    return lanes.items()


class LockstepLanes:
    """The requests underway side by side; made and used within `sampling_mode`."""

    def __init__(
        self, model: Autoregressive, requests: Sequence[LaneRequest], num_lanes: int, begin: Begin = CachedSampling
    ) -> None:
        """ValueError as of `sample_lanes`. `begin`: another way to the same, as `gpu/` has it."""
        lanes = filled(requests, num_lanes)
        shape = common_shape(lanes, model.condition_config.hop)
        draws = Draws(
            model,
            shape,
            torch.tensor([request.key for request in lanes]),
            stack_departures([request.departures for request in lanes]),
            torch.tensor([request.shape[0] for request in lanes]) if len(shape) == 1 else None,
            stack_kept(lanes, shape),
        )
        self.requests = requests
        self.sampling = begin(draws, stack_conditions([request.condition for request in lanes]))

    @property
    def num_drawn(self) -> int:
        """Levels so far, of what was asked for."""
        return sum(min(self.sampling.position, math.prod(request.shape)) for request in self.requests)

    def advance(self) -> bool:
        """Draw a part of all; false where nothing is left to draw."""
        return self.sampling.advance()

    def items(self) -> list[DrawnItem]:
        """What was drawn, in the order of the requests. ValueError where the model gave no probabilities."""
        drawn = self.sampling.draws.drawn()
        return [item_of(drawn, lane, request.shape) for lane, request in enumerate(self.requests)]

    def state(self) -> State:
        """All that it goes on from (`state.py`)."""
        return self.sampling.state()

    def restore(self, state: State) -> None:
        """Go on from there."""
        self.sampling.restore(state)
