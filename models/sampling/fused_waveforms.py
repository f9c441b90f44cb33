"""Waveforms by a compiled kernel, in lanes that take the next item as soon as theirs has ended (continuous batching).

Axes: B lane, N timestep of a span, T timestep of an item.

The whole step, the draw included, is one call for a span of timesteps, with the interpreter's lock released.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.native import Library
from models.native.wavenet import NOTHING, NativeWaveNet
from models.sampling.kept import Kept, refuse_unknown_levels
from models.sampling.lane_conditions import LaneConditions
from models.sampling.lanes import DrawnItem, LaneRequest, check_kept
from models.sampling.packed import packed
from models.sampling.state import State, copied, fill, joined, narrow_and_joined
from models.wavenet import WaveNet

LONGEST_SPAN = 256
"""Timesteps of one call: what it draws is written out, and reported, after it."""


@dataclass
class Item:
    """A request underway: its levels [T] and the nll_nats [T] of each, zero where it is given."""

    request: LaneRequest
    levels: Tensor
    nll_nats: Tensor
    given: Tensor | None
    done: int = 0

    @property
    def left(self) -> int:
        """Timesteps that are still to be drawn."""
        return len(self.levels) - self.done

    def take(self, levels: Tensor, nll_nats: Tensor) -> int:
        """The next timesteps of its lane, as many as it needs; gives their number."""
        end = min(len(self.levels), self.done + len(levels))
        new = slice(self.done, end)
        self.levels[new] = levels[: end - self.done]
        self.nll_nats[new] = nll_nats[: end - self.done]
        if self.given is not None:
            self.nll_nats[new][self.given[new] != NOTHING] = 0
        self.done, before = end, self.done
        return end - before


class WaveformLanes:
    """Items in lanes, a span at a time. `num_drawn` levels so far; `lane_use` is their share of what lanes computed."""

    def __init__(
        self, model: WaveNet, requests: Sequence[LaneRequest], num_lanes: int, library: Library, dtype: torch.dtype
    ) -> None:
        self.model, self.all = model, [new_item(model, request) for request in requests]
        self.net = network_of(model, min(num_lanes, len(requests)), library, dtype)
        self.conditions = LaneConditions(model, self.net)
        self.waiting = deque(sorted(self.all, key=lambda item: -item.left))  # the longest first: lanes end together
        self.lanes: list[Item | None] = [None] * self.net.num_lanes
        self.num_drawn = 0

    @property
    def lane_use(self) -> float:
        """Which part of all that lanes computed was asked for."""
        return self.num_drawn / max(1, self.net.num_lanes * self.net.clock)

    def advance(self) -> bool:
        """Draw one span; false where nothing is left to draw."""
        self.fill_lanes()
        if not any(self.lanes):
            return False
        num_timesteps, clock = self.next_span(), self.net.clock
        self.conditions.enter()
        span = self.net.run(num_timesteps, self.conditions.local(num_timesteps), self.given(num_timesteps))
        self.conditions.take(span.levels, clock)
        for lane, item in enumerate(self.lanes):
            if item is not None:
                self.num_drawn += item.take(span.levels[:, lane], span.nll_nats[:, lane])
                self.lanes[lane] = item if item.left else None
        return True

    def fill_lanes(self) -> None:
        """Let items enter the lanes that are free, where frames and blocks begin."""
        if self.net.clock % self.model.alignment:
            return
        for lane, occupant in enumerate(self.lanes):
            if occupant is None and self.waiting:
                self.lanes[lane] = self.start(lane, self.waiting.popleft())

    def start(self, lane: int, item: Item) -> Item | None:
        """An item enters a lane; one of no timesteps leaves it at once."""
        request = item.request
        self.net.start(lane, request.key, float(request.departures.temperature))
        self.conditions.start(lane, request.condition, len(item.levels))
        return item if item.left else None

    def next_span(self) -> int:
        """Timesteps until something changes: a condition, or a lane that is free for the next item."""
        clock, left = self.net.clock, [item.left for item in self.lanes if item is not None]
        ends = max(left) if not self.waiting else self.aligned(clock + min(left)) - clock
        if self.waiting and None in self.lanes:
            ends = self.aligned(clock + 1) - clock
        return min(LONGEST_SPAN, ends, *(at - clock % at for at in self.conditions.boundaries))

    def aligned(self, clock: int) -> int:
        """The first clock from here on at which items may enter."""
        return -(-clock // self.model.alignment) * self.model.alignment

    def given(self, num_timesteps: int) -> Tensor | None:
        """The levels that are kept, [N, B] int32; None where none are."""
        if all(item is None or item.given is None for item in self.lanes):
            return None
        given = torch.full((num_timesteps, self.net.num_lanes), NOTHING, dtype=torch.int32)
        for lane, item in enumerate(self.lanes):
            if item is not None and item.given is not None:
                own = item.given[item.done : item.done + num_timesteps]
                given[: len(own), lane] = own
        return given

    def state(self) -> State:
        """All that it goes on from (`state.py`): lanes, who is in them, and each item as far as it is drawn."""
        numbers = {id(item): number for number, item in enumerate(self.all)}
        facts = {
            "clock": self.net.clock,
            "num_drawn": self.num_drawn,
            "lanes": [None if item is None else numbers[id(item)] for item in self.lanes],
            "waiting": [numbers[id(item)] for item in self.waiting],
            "done": [item.done for item in self.all],
        }
        drawn = {
            "levels": narrow_and_joined([item.levels[: item.done] for item in self.all]),
            "nll_nats": joined([item.nll_nats[: item.done] for item in self.all], torch.float64),
        }
        memory = State(copied(self.net.memory)), State(copied(self.conditions.memory))
        return State.of_parts(facts, items=State(drawn), net=memory[0], conditions=memory[1])

    def restore(self, state: State) -> None:
        """Go on from there; items that are in lanes enter them again, and find their lane's memory as they left it."""
        facts, drawn = state.facts, state.part("items").tensors
        by_item = zip(*(drawn[name].split(facts["done"]) for name in ("levels", "nll_nats")), strict=True)
        for item, done, (levels, nll_nats) in zip(self.all, facts["done"], by_item, strict=True):
            item.levels[:done], item.nll_nats[:done], item.done = levels, nll_nats, done
        for lane, number in zip(range(self.net.num_lanes), facts["lanes"], strict=True):
            self.lanes[lane] = None if number is None else self.start(lane, self.all[number])
        self.waiting = deque(self.all[number] for number in facts["waiting"])
        self.net.clock, self.num_drawn = facts["clock"], facts["num_drawn"]
        fill(self.net.memory, state.part("net").tensors)
        fill(self.conditions.memory, state.part("conditions").tensors)

    def items(self) -> list[DrawnItem]:
        """All of them, in the order of the requests."""
        return [DrawnItem(item.levels, float(item.nll_nats.sum())) for item in self.all]


def network_of(model: WaveNet, num_lanes: int, library: Library, dtype: torch.dtype) -> NativeWaveNet:
    """The model's network for the kernels, its clock at zero; what lanes hold ends as items enter them."""
    shape = num_lanes, library.level, dtype
    net = packed(model, shape, lambda: NativeWaveNet(model, num_lanes, library, dtype))
    net.clock = 0
    return net


def new_item(model: WaveNet, request: LaneRequest) -> Item:
    """A request, checked but for its condition, with room for what is drawn."""
    num_timesteps = request.shape[0]
    levels = torch.zeros(num_timesteps, dtype=torch.int64)
    nll_nats = torch.zeros(num_timesteps, dtype=torch.float64)
    return Item(request, levels, nll_nats, given_levels(request.kept, request.shape, model))


def given_levels(kept: Kept | None, shape: tuple[int, ...], model: WaveNet) -> Tensor | None:
    """The kept levels [T] int32, NOTHING where one is to be drawn; None where none are."""
    if kept is None:
        return None
    check_kept(kept, shape)
    refuse_unknown_levels(kept, model.distribution.num_levels)
    return torch.where(kept.mask[0], kept.levels[0], NOTHING).to(torch.int32)
