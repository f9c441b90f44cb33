"""A fixed number of lanes in lockstep, so that an item's bytes do not depend on what was drawn beside it.

Axes: B lane, A attribute, F frame.

On a CPU a row of a matrix product is the same whatever the other rows hold and wherever it stands, as long as the
number of rows stays the same (another may choose another kernel, which rounds in another order) and rows and columns
are whole vectors long. Likewise the last few numbers of a buffer that is no multiple of the vector width go through
another sigmoid. So the batch always has num_lanes lanes, a multiple of 8; what is not filled is drawn from a copy of
the first request, and dropped. Then the bits of an item are its own where the model's channels are multiples of 8 too;
elsewhere parameters may differ in their last bit, and a level in a few million with them. num_lanes is part of what
decides an item's bytes: keep it with the plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.sampling.cached import sample_cached
from models.sampling.draws import Drawn, OnProgress

LANE_MULTIPLE = 8


@dataclass(frozen=True)
class LaneRequest:
    """One item to draw: `shape` (T,) or (C, H, W), `key` as of `counter_random.item_key`, a condition of batch 1.

    Waveforms in one batch may differ in T: the lockstep runs to the longest, in whole frames; a T that ends within a
    frame has a condition that covers the frame.
    """

    shape: tuple[int, ...]
    key: tuple[int, int]
    condition: Condition | None = None
    temperature: float = 1.0


@dataclass(frozen=True)
class DrawnItem:
    """Levels [*shape] int64 on the CPU, and their exact nll_nats at temperature 1."""

    levels: Tensor
    nll_nats: float


def sample_lanes(
    model: Autoregressive, requests: Sequence[LaneRequest], num_lanes: int, on_progress: OnProgress | None = None
) -> list[DrawnItem]:
    """The requested items, 1 to num_lanes of them, in the order of the requests.

    ValueError for more requests than lanes, a num_lanes that is no multiple of 8, pictures of different shapes.
    """
    check_lanes(requests, num_lanes)
    filled = [*requests, *[requests[0]] * (num_lanes - len(requests))]
    shape = common_shape(filled, model.condition_config.hop)
    drawn = sample_cached(
        model,
        shape,
        stack_conditions([request.condition for request in filled]),
        torch.tensor([request.key for request in filled]),
        torch.tensor([request.temperature for request in filled]),
        torch.tensor([request.shape[0] for request in filled]) if len(shape) == 1 else None,
        on_progress,
    )
    return [item_of(drawn, lane, request.shape) for lane, request in enumerate(requests)]


def check_lanes(requests: Sequence[LaneRequest], num_lanes: int) -> None:
    """A ValueError unless the requests fit the lanes."""
    if num_lanes < 1 or num_lanes % LANE_MULTIPLE:
        raise ValueError(f"num_lanes must be a multiple of {LANE_MULTIPLE}, so that lanes are equal, got {num_lanes}")
    if not 1 <= len(requests) <= num_lanes:
        raise ValueError(f"expected 1 to {num_lanes} requests for {num_lanes} lanes, got {len(requests)}")


def common_shape(requests: Sequence[LaneRequest], hop: int) -> tuple[int, ...]:
    """The shape of the lockstep batch: the longest waveform in whole frames, or the one shape of all pictures."""
    shapes = {request.shape for request in requests}
    if all(len(shape) == 1 for shape in shapes):
        return (-(-max(shapes)[0] // hop) * hop,)
    if len(shapes) > 1:
        raise ValueError(f"pictures drawn together must have one shape, got {sorted(shapes)}")
    return shapes.pop()


def stack_conditions(conditions: Sequence[Condition | None]) -> Condition | None:
    """Conditions of batch 1 to one of batch B; short ones get frames of zeros at the end, which no item hears."""
    if all(condition is None for condition in conditions):
        return None
    present = [condition or Condition() for condition in conditions]
    names = [entry.name for entry in fields(Condition)]
    return Condition(*(stack_padded(name, [getattr(condition, name) for condition in present]) for name in names))


def stack_padded(name: str, fields: Sequence[Tensor | None]) -> Tensor | None:
    """Fields [1, n, ...] to [B, longest n, ...]; ValueError where only some lanes have the field."""
    tensors = [tensor for tensor in fields if tensor is not None]
    if not tensors:
        return None
    if len(tensors) < len(fields):
        raise ValueError(
            f"{len(fields) - len(tensors)} of {len(fields)} lanes have no {name}: give it to all or to none"
        )
    return torch.nn.utils.rnn.pad_sequence([tensor.squeeze(0) for tensor in tensors], batch_first=True)


def item_of(drawn: Drawn, lane: int, shape: tuple[int, ...]) -> DrawnItem:
    """One lane's item, cut to its own shape."""
    levels = drawn.levels[lane]
    own = levels[: shape[0]] if len(shape) == 1 else levels
    return DrawnItem(own.cpu().clone(), float(drawn.nll_nats[lane]))
