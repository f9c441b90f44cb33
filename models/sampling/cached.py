"""Ancestral sampling with the model's cache: one `step` per draw. Equal to `naive`, hundreds of times faster.

Axes: B lane, N position in drawing order.
"""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.sampling.cache_state import cache_state, restored_cache
from models.sampling.departures import NO_DEPARTURES, Departures
from models.sampling.draws import PROGRESS_EVERY, Drawn, Draws, OnProgress, sampling_mode
from models.sampling.kept import Kept
from models.sampling.state import State, copied


def sample_cached(  # noqa: PLR0913 (the model and its items, then each way in which these may differ)
    model: Autoregressive,
    shape: tuple[int, ...],
    condition: Condition | None,
    keys: Tensor,
    departures: Departures = NO_DEPARTURES,
    lengths: Tensor | None = None,
    kept: Kept | None = None,
    on_progress: OnProgress | None = None,
    *,
    begin: "Begin | None" = None,
) -> Drawn:
    """Items of `shape` ((T,) or (C, H, W)), one per key of keys [B, 2] (`counter_random.item_keys`).

    `departures`: from the model's probabilities; none by default. `lengths` [B]: positions in drawing order after which
    a lane is ignored (its levels are 0, its nll_nats is not counted). `kept`: levels that are given. The condition
    covers the whole shape for every lane. `begin`: another way to the same, as `gpu/` has it. ValueError for what does
    not fit the model or the lanes.
    """
    with sampling_mode(model):
        sampling = (begin or CachedSampling)(Draws(model, shape, keys, departures, lengths, kept), condition)
        while sampling.advance():
            if on_progress is not None:
                on_progress(sampling.position)
    return sampling.draws.drawn()


class Sampling(Protocol):
    """Lanes in lockstep; `position` of them are drawn. Made and used within `sampling_mode`."""

    draws: Draws
    position: int

    def advance(self) -> bool:
        """Draw some positions; false where none is left."""
        ...

    def state(self) -> State:
        """All that it goes on from (`state.py`)."""
        ...

    def restore(self, state: State) -> None:
        """Go on from there."""
        ...


Begin = Callable[[Draws, Condition | None], Sampling]
"""Begins to draw items, given what conditions the lanes."""


class CachedSampling:
    """Lanes in lockstep, PROGRESS_EVERY positions at a time; `position` of them are drawn."""

    def __init__(self, draws: Draws, condition: Condition | None) -> None:
        """Within `sampling_mode`, as all that follows."""
        self.draws, self.model = draws, draws.model
        condition = None if condition is None else condition.to(draws.keys.device)
        self.condition = draws.rows.condition(condition)
        self.cache = self.begin()
        self.previous: Tensor | None = None
        self.position = 0

    def begin(self) -> Any:
        """The model's cache before the first position."""
        return self.model.init_cache(self.draws.num_rows, self.condition, self.draws.shape)

    def begun(self) -> Any:
        """The same after the first step, when it has all of its parts."""
        _, cache = self.model.step(None, self.begin())
        return cache

    def advance(self) -> bool:
        """Draw some positions; false where none is left."""
        first, self.position = self.position, min(self.position + PROGRESS_EVERY, self.draws.num_positions)
        self.draw(range(first, self.position))
        return self.position > first

    def draw(self, positions: range) -> None:
        """Draw these, which are the next ones."""
        for position in positions:
            parameters, self.cache = self.model.step(self.previous, self.cache)
            self.previous = self.draws.draw(position, parameters)

    def state(self) -> State:
        """The cache, what is drawn and where it stands (`state.py`)."""
        facts = {"position": self.position}
        if self.previous is None:
            return State(facts=facts)
        previous, cache = State(copied({"levels": self.previous})), cache_state(self.cache, self.begun(), self.model)
        return State.of_parts(facts, draws=self.draws.state(self.position), previous=previous, cache=cache)

    def restore(self, state: State) -> None:
        """Go on from a state."""
        if state.facts["position"]:
            self.cache = restored_cache(state.part("cache"), self.begun(), self.model)
            self.previous = state.part("previous").tensors["levels"].to(self.draws.keys.device)
            self.draws.restore(state.facts["position"], state.part("draws"))
        self.position = state.facts["position"]
