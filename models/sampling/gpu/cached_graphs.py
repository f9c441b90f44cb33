"""The model's own cached step as CUDA graphs, for pictures of models that no kernel here draws.

A step looks at Python's numbers (which row, which column, which buffer comes next), so each position is captured as it
is: STRETCH of them in a graph, one after another, the draws with them. The graphs then serve all pictures of one shape
in as many rows of the batch. What differs from one set of pictures to the next (keys, conditions, temperatures, kept
levels, an empty cache) is made anew by torch and copied to where the graphs look.

Where a graph cannot be captured, `reason` tells why, and pictures are drawn by the plain cached step.
"""

import copy
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from torch import Tensor, nn

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.sampling.cached import Begin, CachedSampling, Sampling
from models.sampling.draws import Draws
from models.sampling.gpu.graph import Call, Capture, capture_on
from models.sampling.gpu.memory import blocks_of, sizes_of, write
from models.sampling.packed import weights_as_they_are
from models.sampling.state import State

STRETCH = 64
"""Positions of a graph: PROGRESS_EVERY is a multiple. A whole picture in one would take long to hand over."""

MOST_POSITIONS = 2**12
"""Of an item: a 32 × 32 picture of three colours has 3,072. Every position's kernels are kept."""


def why_not_as_graphs(model: Autoregressive, shape: tuple[int, ...]) -> str:
    """Why items of this shape are not drawn by graphs; empty where they are."""
    if len(shape) != 3:
        return "a graph serves items of one length, and waveforms have many"
    if (num_positions := shape[0] * shape[1] * shape[2]) > MOST_POSITIONS:
        return f"graphs keep up to {MOST_POSITIONS} positions, and these pictures have {num_positions}"
    device = next(model.parameters()).device
    return "" if device.type == "cuda" else f"graphs need a model on a CUDA device, and this one is on {device}"


def begin_on(model: Autoregressive, shape: tuple[int, ...]) -> Begin:
    """What begins items of this shape: graphs where they can be had, else the plain cached step."""
    if why_not_as_graphs(model, shape):
        return CachedSampling
    return graphs_of(model, weights_as_they_are(model) or object()).begin


@lru_cache(maxsize=4)
def graphs_of(model: Autoregressive, weights: Hashable) -> "CachedGraphs":
    """A model's graphs, for weights as they are; of few models, since they hold memory of the device.

    A multi-scale model has graphs for each scale.
    """
    return CachedGraphs(model)


class CachedGraphs:
    """Begins sets of pictures (`sample_cached`, `LockstepLanes`); the last one's graphs are kept for the next ones."""

    def __init__(self, model: Autoregressive, capture: Capture | None = None) -> None:
        """The model's weights must not change. `capture` says how, by default as its device does."""
        self.capture = capture or capture_on(next(model.parameters()).device)
        self.key: Any = None
        self.graphs: Stretches | None = None
        self.reason = ""

    def begin(self, draws: Draws, condition: Condition | None) -> Sampling:
        """A set of pictures; the one before it must have ended. Within `sampling_mode`."""
        fresh = CachedSampling(draws, condition)
        key = draws.shape, draws.kept is None, draws.chooser.any_weighed, sizes_of(begun_blocks(fresh))
        if self.graphs is not None and key == self.key:
            self.graphs.refill(fresh)
            return self.graphs
        if not self.reason:
            self.key, self.graphs = key, self.captured(fresh)
        return self.graphs or CachedSampling(draws, condition)

    def captured(self, sampling: CachedSampling) -> "Stretches | None":
        """Its graphs; None, and the reason told, where they cannot be captured."""
        try:
            return Stretches(sampling, self.capture)
        except RuntimeError as error:
            self.reason = f"a step cannot be captured: {str(error).splitlines()[0]}"
            return None


class Stretches:
    """A `CachedSampling` whose positions are graphs; `position` of them are drawn."""

    def __init__(self, sampling: CachedSampling, capture: Capture) -> None:
        """RuntimeError where it cannot be captured."""
        self.sampling, self.draws, self.begun = sampling, sampling.draws, sampling.cache
        self.position = 0
        self.blocks = begun_blocks(sampling)
        before = [block.clone() for block in self.blocks]
        try:
            capture.warm_up(self.stretch(0))
            self.calls = [capture(self.stretch(first)) for first in range(0, self.draws.num_positions, STRETCH)]
        finally:
            write(self.blocks, before)

    def stretch(self, first: int) -> Call:
        """What a graph captures: the positions from `first` on."""
        end = min(first + STRETCH, self.draws.num_positions)

        def call() -> None:
            sampling = self.sampling
            if first == 0:
                sampling.cache, sampling.previous = same_memory(self.begun), None
            sampling.draw(range(first, end))

        return call

    def advance(self) -> bool:
        """Draw some positions; false where none is left."""
        if self.position == self.draws.num_positions:
            return False
        self.calls[self.position // STRETCH]()
        self.position = min(self.position + STRETCH, self.draws.num_positions)
        return True

    def refill(self, fresh: CachedSampling) -> None:
        """Begin other pictures, in the memory of these."""
        write(self.blocks, begun_blocks(fresh))
        self.position = 0

    def state(self) -> State:
        """Nothing: a set of pictures takes seconds, and is begun anew."""
        return State()

    def restore(self, state: State) -> None:
        """Nothing."""


def begun_blocks(sampling: CachedSampling) -> list[Tensor]:
    """The memory of all that a sampling begins with."""
    return blocks_of(sampling.model, sampling.cache, sampling.draws)


def same_memory(cache: Any) -> Any:
    """A copy of a cache's objects, which look at the same tensors and networks."""
    shared: dict[int, Any] = {}
    find_shared(cache, shared, set())
    return copy.deepcopy(cache, shared)


def find_shared(thing: Any, shared: dict[int, Any], met: set[int]) -> None:
    """Add the tensors and networks that are reached from a part of a cache."""
    if id(thing) in met:
        return
    met.add(id(thing))  # all that is met lives as long as the cache
    if isinstance(thing, Tensor | nn.Module):
        shared[id(thing)] = thing
        return
    values = thing if isinstance(thing, list | tuple) else getattr(thing, "__dict__", thing)
    for value in values.values() if isinstance(values, dict) else values if isinstance(values, list | tuple) else ():
        find_shared(value, shared, met)
    if (owner := getattr(thing, "__self__", None)) is not None:
        find_shared(owner, shared, met)
