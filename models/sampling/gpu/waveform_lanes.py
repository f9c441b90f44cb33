"""Waveforms by the kernels, in lanes that take the next item when theirs has ended (continuous batching).

Axes: B lane, N position of an item.

The device counts positions for all lanes; each item begins at some of them, where frames begin for all. Lanes are
looked at after a span of positions: an item that has ended within one leaves its lane idle to the span's end.
"""

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

from models.sampling.departures import Departures, stack_departures
from models.sampling.draws import Draws
from models.sampling.fused import follows_the_kernel
from models.sampling.gpu.lane_biases import MovingBiases
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.sampling import KernelSampling
from models.sampling.gpu.waveforms import WaveformNetwork
from models.sampling.kept import Kept, sequence_of
from models.sampling.lanes import DrawnItem, LaneRequest, drawn_from, drawn_state
from models.sampling.state import State
from models.wavenet import WaveNet

SPAN = 256
"""Positions between two looks: waiting for the device and putting items into lanes takes as long as some positions."""


def takes_the_next(model: WaveNet, departures: Departures) -> bool:
    """Whether a request can enter a lane while others are underway: it weighs no levels, nothing remembers the lane."""
    return not model.config.contexts and follows_the_kernel(departures)


class WaveformLanes:
    """The requests, the longest first; `lane_use` is their share of all that lanes computed."""

    def __init__(self, model: WaveNet, requests: Sequence[LaneRequest], num_lanes: int, precision: Precision) -> None:
        """Captured here, where there is a CUDA device. Within `sampling_mode`. ValueError for what does not fit."""
        self.model, self.requests = model, requests
        self.waiting = deque(sorted(range(len(requests)), key=lambda place: -requests[place].shape[0]))
        self.lanes: list[int | None] = [None] * num_lanes
        self.begun_at = [0] * num_lanes
        self.done: dict[int, DrawnItem] = {}
        longest = max(1, *(request.shape[0] for request in requests))
        self.biases = MovingBiases(model, num_lanes, longest)
        network = WaveformNetwork(model, self.biases, num_lanes, precision)
        self.starts = network.starts
        self.sampling = KernelSampling(self.idle_draws(num_lanes, longest), network)

    def idle_draws(self, num_lanes: int, longest: int) -> Draws:
        """Of lanes that have nothing to draw."""
        kept = None
        if any(request.kept is not None for request in self.requests):
            nothing = torch.zeros(num_lanes, longest, dtype=torch.int64)
            kept = Kept(nothing, nothing.bool())
        departures = stack_departures([Departures()] * num_lanes)
        zeros = torch.zeros(num_lanes, dtype=torch.int64)
        return Draws(self.model, (longest,), zeros[:, None].expand(-1, 2), departures, zeros, kept)

    @property
    def clock(self) -> int:
        """Positions that all lanes have computed."""
        return self.sampling.position

    @property
    def num_drawn(self) -> int:
        """Levels so far, of what was asked for."""
        done = sum(item.levels.numel() for item in self.done.values())
        underway = [at for at, place in zip(self.begun_at, self.lanes, strict=True) if place is not None]
        return done + sum(self.clock - at for at in underway)

    @property
    def lane_use(self) -> float:
        """Which part of all that lanes computed was asked for."""
        return self.num_drawn / max(1, len(self.lanes) * self.clock)

    def advance(self) -> bool:
        """Draw one span; false where nothing is left to draw."""
        self.fill_lanes()
        if all(place is None for place in self.lanes):
            return False
        for _ in range(self.next_span()):
            self.sampling.draw()
        for lane, place in enumerate(self.lanes):
            if place is not None and self.left(lane, place) <= 0:
                self.done[place], self.lanes[lane] = self.taken(lane, place), None
        return True

    def left(self, lane: int, place: int) -> int:
        """Timesteps of a lane's item that are still to be drawn."""
        return self.requests[place].shape[0] - (self.clock - self.begun_at[lane])

    def next_span(self) -> int:
        """Positions until lanes are looked at again: items may enter there."""
        alignment = self.model.alignment
        span = -(-(self.clock + SPAN) // alignment) * alignment - self.clock
        longest = max(self.left(lane, place) for lane, place in enumerate(self.lanes) if place is not None)
        return span if self.waiting else min(span, longest)

    def fill_lanes(self) -> None:
        """Let items enter the lanes that are free; between two spans with items waiting, frames begin."""
        entered = [lane for lane, place in enumerate(self.lanes) if place is None and self.entered(lane)]
        if entered:
            self.sampling.placed.bring_uniforms(self.clock)

    def entered(self, lane: int) -> bool:
        """Whether an item has entered a free lane; one of no timesteps is done at once."""
        while self.waiting:
            place = self.waiting.popleft()
            if self.requests[place].shape[0]:
                self.start(lane, self.requests[place])
                self.lanes[lane], self.begun_at[lane] = place, self.clock
                return True
            self.done[place] = DrawnItem(torch.zeros(0, dtype=torch.int64), 0.0)
        return False

    def start(self, lane: int, request: LaneRequest) -> None:
        """Put a request where the graph looks for what differs between lanes."""
        draws, (num_timesteps,) = self.sampling.draws, request.shape
        draws.keys[lane] = torch.tensor(request.key)
        draws.lengths[lane], draws.nll_nats[lane], self.starts[lane] = num_timesteps, 0, self.clock
        draws.chooser.departures.temperature[lane] = float(request.departures.temperature)
        if draws.kept is not None:
            draws.kept.mask[lane] = False
        if request.kept is not None and draws.kept is not None:
            own = sequence_of(request.kept, self.model, request.shape, 1)
            draws.kept.levels[lane, :num_timesteps], draws.kept.mask[lane, :num_timesteps] = own.levels[0], own.mask[0]
        self.biases.start(lane, request.condition, num_timesteps, self.clock)

    def taken(self, lane: int, place: int) -> DrawnItem:
        """An item that has ended, from the device."""
        draws = self.sampling.draws
        levels: Tensor = draws.levels[lane, : self.requests[place].shape[0]]
        return DrawnItem(levels.cpu().clone(), float(draws.nll_nats[lane]))

    def items(self) -> list[DrawnItem]:
        """All of them, in the order of the requests."""
        return [self.done[place] for place in range(len(self.requests))]

    def state(self) -> State:
        """The items that have ended: rings are large, and those underway are begun anew."""
        places = sorted(self.done)
        return State.of_parts({"places": places}, done=drawn_state([self.done[place] for place in places]))

    def restore(self, state: State) -> None:
        """Draw only the others."""
        self.done = dict(zip(state.facts["places"], drawn_from(state.part("done")), strict=True))
        self.waiting = deque(place for place in self.waiting if place not in self.done)
