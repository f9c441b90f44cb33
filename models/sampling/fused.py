"""Waveforms by a compiled kernel, in lanes that take the next item as soon as theirs has ended (continuous batching).

Axes: B lane, N timestep of a span, T timestep of an item.

The whole step, the draw included, is one call for a span of timesteps, with the interpreter's lock released. It is held
to `naive`: the same parameters to a few units of the last place, so the same levels but for a random number that falls
between the two. An item's bytes depend on the model, its request, the precision and the level of processor. They do not
depend on its lane, the other lanes or how many there are: every row of every product is added in one order
(`products.h`), and what conditions an item is computed for it alone.

Top-k, top-p and guidance weigh all levels between the parameters and the draw, which happens inside: requests with
these are drawn by torch (`lanes.py`).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.native import Library, best, why_none
from models.native.wavenet import NOTHING, NativeWaveNet
from models.sampling.departures import ALL_LEVELS, Departures
from models.sampling.draws import refuse_picture_shape, sampling_mode
from models.sampling.kept import Kept, refuse_unknown_levels
from models.sampling.lane_conditions import LaneConditions
from models.sampling.lanes import DrawnItem, LaneRequest, check_kept
from models.wavenet import WaveNet

Precision = Literal["float32", "bfloat16"]
"""Of the products; sums, the stream between layers and the draw are float32 and float64 in both."""

MOST_TAPS = 16
"""Of a kernel: `wavenet.h` keeps pointers to them in registers' reach."""

LONGEST_SPAN = 256
"""Timesteps of one call: what it draws is written out, and reported, after it."""

OnLevels = Callable[[int], None]
"""Called now and then with the number of levels drawn so far; what it raises stops the sampling."""


def why_not_fused(model: Autoregressive, precision: Precision = "float32", library: Library | None = None) -> str:
    """Why a model cannot be drawn from by a compiled kernel; empty where it can."""
    library = library or best()
    weight = next(model.parameters())
    if not isinstance(model, WaveNet):
        return f"there is no kernel for {type(model).__name__}"
    if library is None:
        return why_none()
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return f"the kernel takes float32 weights on a CPU, and these are {weight.dtype} on {weight.device}"
    if precision == "bfloat16" and not library.has_bfloat16:
        return f"this processor ({library.level}) has no products of bfloat16"
    if max(model.config.kernel_size, *(context.kernel_size for context in model.config.contexts), 0) > MOST_TAPS:
        return f"the kernel takes kernel_size up to {MOST_TAPS}"
    return ""


def follows_the_kernel(departures: Departures) -> bool:
    """Whether a request departs from the model in nothing but temperature."""
    return bool((departures.guidance == 1) & (departures.top_p >= 1) & (departures.top_k == ALL_LEVELS))


def sample_fused(
    model: Autoregressive,
    requests: Sequence[LaneRequest],
    num_lanes: int,
    precision: Precision = "float32",
    on_levels: OnLevels | None = None,
) -> list[DrawnItem]:
    """The requested waveforms, any number of them, in the order of the requests.

    ValueError where the model, a request or its condition does not fit (`why_not_fused`, `follows_the_kernel`).
    """
    if reason := why_not_fused(model, precision):
        raise ValueError(reason)
    library = best()
    assert library is not None
    assert isinstance(model, WaveNet)
    if not requests:
        return []
    with sampling_mode(model):
        run = FusedRun(model, requests, num_lanes, library, precision)
        while run.advance():
            if on_levels is not None:
                on_levels(run.num_drawn)
    return run.items()


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


class FusedRun:
    """Items in lanes, a span at a time. `num_drawn` levels so far; `lane_use` is their share of what lanes computed."""

    def __init__(
        self, model: WaveNet, requests: Sequence[LaneRequest], num_lanes: int, library: Library, precision: Precision
    ) -> None:
        if num_lanes < 1:
            raise ValueError(f"num_lanes must be at least 1, got {num_lanes}")
        self.model, self.all = model, [new_item(model, request) for request in requests]
        self.net = NativeWaveNet(model, min(num_lanes, len(requests)), library, getattr(torch, precision))
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

    def items(self) -> list[DrawnItem]:
        """All of them, in the order of the requests; ValueError where the model gave no probabilities."""
        drawn = [DrawnItem(item.levels, float(item.nll_nats.sum())) for item in self.all]
        if damaged := [place for place, item in enumerate(drawn) if not abs(item.nll_nats) < float("inf")]:
            raise ValueError(
                f"the model's parameters are not finite (items {damaged}): its weights are damaged or diverged"
            )
        return drawn


def new_item(model: WaveNet, request: LaneRequest) -> Item:
    """A request, checked but for its condition, with room for what is drawn."""
    refuse_picture_shape(model, request.shape)
    if not follows_the_kernel(request.departures):
        raise ValueError(f"the kernel departs from the model in temperature alone, got {request.departures}")
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
