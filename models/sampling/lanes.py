"""A fixed number of lanes in lockstep, so that an item's bytes do not depend on what was drawn beside it.

Axes: B lane, A attribute, F frame.

On a CPU a row of a matrix product is the same whatever the other rows hold and wherever it stands, as long as the
number of rows stays the same (another may choose another kernel, which rounds in another order) and rows and columns
are whole vectors long. Likewise the last few numbers of a buffer that is no multiple of the vector width go through
another sigmoid. So the batch always has num_lanes lanes, a multiple of 8; what is not filled is drawn from a copy of
the first request, and dropped. Then the bits of an item are its own where the model's channels are multiples of 8 too;
elsewhere parameters may differ in their last bit, and a level in a few million with them. num_lanes is part of what
decides an item's bytes: keep it with the plan.

A guided item takes two rows of the batch (`guidance.py`), and num_lanes counts rows: what is not guided is filled up
with fewer copies, and the number of rows stays.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from models.conditioning import Condition
from models.sampling.departures import NO_DEPARTURES, Departures
from models.sampling.draws import Drawn
from models.sampling.kept import Kept
from models.sampling.state import State, narrow_and_joined

LANE_MULTIPLE = 8


@dataclass(frozen=True)
class LaneRequest:
    """One item to draw: `shape` (T,) or (C, H, W), `key` as of `counter_random.item_key`.

    The condition and the kept levels, of this shape, are those of a batch of 1; departures are one number each.
    Waveforms in one batch may differ in T: the lockstep runs to the longest, in whole frames; a T that ends within a
    frame has a condition that covers the frame.
    """

    shape: tuple[int, ...]
    key: tuple[int, int]
    condition: Condition | None = None
    departures: Departures = NO_DEPARTURES
    kept: Kept | None = None

    @property
    def num_rows(self) -> int:
        """Rows of the batch that it takes."""
        return rows_taken(self.departures)


def rows_taken(departures: Departures) -> int:
    """Rows of the batch that one item takes: 2 where it is guided."""
    return 1 if departures.guidance == 1 else 2


@dataclass(frozen=True)
class DrawnItem:
    """Levels [*shape] int64 on the CPU, and the nll_nats of those that were drawn, as `Drawn` has them."""

    levels: Tensor
    nll_nats: float


def drawn_state(items: Sequence[DrawnItem]) -> State:
    """Items as they were drawn, as plain tensors."""
    tensors = {
        "levels": narrow_and_joined([item.levels for item in items]),
        "nll_nats": torch.tensor([item.nll_nats for item in items], dtype=torch.float64),
    }
    return State(tensors, {"shapes": [list(item.levels.shape) for item in items]})


def drawn_from(state: State) -> list[DrawnItem]:
    """The same items again."""
    shapes = state.facts["shapes"]
    parts = state.tensors["levels"].to(torch.int64).split([math.prod(shape) for shape in shapes])
    by_item = zip(parts, shapes, state.tensors["nll_nats"].tolist(), strict=True)
    return [DrawnItem(levels.view(shape).clone(), nll_nats) for levels, shape, nll_nats in by_item]


def filled(requests: Sequence[LaneRequest], num_lanes: int) -> list[LaneRequest]:
    """The requests, and copies of the first one for the rows that they leave; ValueError unless they fit the lanes."""
    check_lanes(requests, num_lanes)
    idle = replace(requests[0], departures=NO_DEPARTURES, kept=None)
    return [*requests, *[idle] * (num_lanes - sum(request.num_rows for request in requests))]


def check_lanes(requests: Sequence[LaneRequest], num_lanes: int) -> None:
    """A ValueError unless the requests fit the lanes."""
    check_num_lanes(num_lanes)
    num_rows = sum(request.num_rows for request in requests)
    if not 1 <= num_rows <= num_lanes:
        raise ValueError(
            f"expected 1 to {num_lanes} requests for {num_lanes} lanes, where a guided one counts twice, got {num_rows}"
        )


def check_num_lanes(num_lanes: int) -> None:
    """A ValueError for a number that would make lanes unequal."""
    if num_lanes < 1 or num_lanes % LANE_MULTIPLE:
        raise ValueError(f"num_lanes must be a multiple of {LANE_MULTIPLE}, so that lanes are equal, got {num_lanes}")


def lane_groups(requests: Sequence[LaneRequest], places: Sequence[int], num_lanes: int) -> Iterator[list[int]]:
    """Places of requests, longest first, as many at a time as the lanes hold; a guided one takes two."""
    group: list[int] = []
    free = num_lanes
    for place in sorted(places, key=lambda place: -requests[place].shape[0]):
        taken = rows_taken(requests[place].departures)
        if taken > free:
            yield group
            group, free = [], num_lanes
        group.append(place)
        free -= taken
    if group:
        yield group


def common_shape(requests: Sequence[LaneRequest], hop: int) -> tuple[int, ...]:
    """The shape of the lockstep batch: the longest waveform in whole frames, or the one shape of all pictures."""
    shapes = {request.shape for request in requests}
    if all(len(shape) == 1 for shape in shapes):
        return (-(-max(shapes)[0] // hop) * hop,)
    if len(shapes) > 1:
        raise ValueError(f"pictures drawn together must have one shape, got {sorted(shapes)}")
    return shapes.pop()


def stack_conditions(conditions: Sequence[Condition | None]) -> Condition | None:
    """Conditions of batch 1 to one of batch B; short ones get their last frame again at the end.

    So an item whose frames are interpolated ends as it does alone.
    """
    if all(condition is None for condition in conditions):
        return None
    present = [with_dropped(condition or Condition()) for condition in conditions]
    names = [entry.name for entry in fields(Condition)]
    return Condition(*(stack_field(name, [getattr(condition, name) for condition in present]) for name in names))


def with_dropped(condition: Condition) -> Condition:
    """The same where `dropped` is said: not dropped, where it was left out."""
    return condition if condition.dropped is not None else replace(condition, dropped=torch.zeros(1, dtype=torch.bool))


FRAMES = ("phones", "features")
"""The fields of a condition whose second axis is F."""


def stack_field(name: str, values: Sequence[Tensor | None]) -> Tensor | None:
    """A field [1, ...] of each lane to [B, ...], frames padded to the longest.

    ValueError where only some lanes have the field, or where it has another shape in some of them.
    """
    tensors = [value for value in values if value is not None]
    if not tensors:
        return None
    if len(tensors) < len(values):
        raise ValueError(
            f"{len(values) - len(tensors)} of {len(values)} lanes have no {name}: give it to all or to none"
        )
    if name in FRAMES:
        longest = max(tensor.shape[1] for tensor in tensors)
        return torch.cat([tensor[:, torch.arange(longest).clamp(max=tensor.shape[1] - 1)] for tensor in tensors])
    if len(shapes := {tuple(tensor.shape) for tensor in tensors}) > 1:
        raise ValueError(f"{name} must have one shape in all lanes, got {sorted(shapes)}")
    return torch.cat(tensors)


def stack_kept(requests: Sequence[LaneRequest], shape: tuple[int, ...]) -> Kept | None:
    """What each request keeps, for one batch of items of `shape`: nothing past the end of a short waveform."""
    if all(request.kept is None for request in requests):
        return None
    levels = torch.zeros(len(requests), *shape, dtype=torch.int64)
    mask = torch.zeros(len(requests), *shape, dtype=torch.bool)
    for lane, request in enumerate(requests):
        if request.kept is not None:
            check_kept(request.kept, request.shape)
            within = (lane, slice(request.shape[0])) if len(shape) == 1 else lane
            levels[within], mask[within] = request.kept.levels[0], request.kept.mask[0]
    return Kept(levels, mask)


def check_kept(kept: Kept, shape: tuple[int, ...]) -> None:
    """A ValueError unless levels and mask are those of one item of `shape`."""
    for name, value in (("levels", kept.levels), ("mask", kept.mask)):
        if tuple(value.shape) != (1, *shape):
            raise ValueError(f"kept {name} of a request must have shape {(1, *shape)}, got {tuple(value.shape)}")


def item_of(drawn: Drawn, lane: int, shape: tuple[int, ...]) -> DrawnItem:
    """One lane's item, cut to its own shape."""
    levels = drawn.levels[lane]
    own = levels[: shape[0]] if len(shape) == 1 else levels
    return DrawnItem(own.cpu().clone(), float(drawn.nll_nats[lane]))
