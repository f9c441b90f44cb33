"""What a lane takes: measured on one lane and two, before any batch is made.

Axes: B lane, F frame.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from models.autoregressive import Autoregressive
from models.conditioning import Condition, ConditionConfig
from models.native import best
from models.sampling.draws import sampling_mode
from models.sampling.fused import lanes_of
from models.sampling.lanes import LaneRequest

BYTES_PER_LEVEL = 16
"""Of an item in its lane: the level and its nll_nats."""

BYTES_PER_NUMBER = 4


def lane_bytes(model: Autoregressive, shape: tuple[int, ...], kernel_dtype: torch.dtype | None = None) -> int:
    """Bytes that a lane takes which draws an item of `shape`: by a kernel of this dtype, or by torch where it is None.

    Weights are shared by all lanes and not counted. A long waveform is measured on a short one: what grows with its
    length is its levels and its frames.
    """
    short = (model.condition_config.hop,) if len(shape) == 1 else shape
    with sampling_mode(model):
        one, two = (batch_bytes(model, short, num_lanes, kernel_dtype) for num_lanes in (1, 2))
    frames = shape[0] // model.condition_config.hop if len(shape) == 1 and model.condition_config.has_local else 0
    return two - one + math.prod(shape) * BYTES_PER_LEVEL + frames * model.condition_config.channels * BYTES_PER_NUMBER


def batch_bytes(model: Autoregressive, shape: tuple[int, ...], num_lanes: int, dtype: torch.dtype | None) -> int:
    """Bytes of all tensors of a batch that has begun."""
    weights = {weight.untyped_storage().data_ptr() for weight in (*model.parameters(), *model.buffers())}
    condition = zeros(model.condition_config, num_lanes, shape)
    if dtype is None:
        _, cache = model.step(None, model.init_cache(num_lanes, condition, shape))
        return held_bytes(cache, weights)
    library = best()
    assert library is not None
    rows = [condition.rows(torch.tensor([lane])) for lane in range(num_lanes)]
    lanes = lanes_of(model, [LaneRequest(shape, (0, 0), row) for row in rows], num_lanes, library, dtype)
    lanes.advance()
    return held_bytes(lanes, weights)


def zeros(config: ConditionConfig, num_lanes: int, shape: tuple[int, ...]) -> Condition:
    """A condition of the form that a model asks for."""
    num_frames = shape[0] // config.hop if len(shape) == 1 else 0
    cells = (shape[1] // config.plane_factor, shape[2] // config.plane_factor) if len(shape) == 3 else (0, 0)
    return Condition(
        torch.zeros(num_lanes, len(config.attributes), dtype=torch.int64) if config.attributes else None,
        torch.zeros(num_lanes, num_frames, dtype=torch.int64) if config.num_phones else None,
        torch.zeros(num_lanes, num_frames, config.num_features) if config.num_features else None,
        torch.zeros(num_lanes, config.vector_size) if config.vector_size else None,
        torch.zeros(num_lanes, config.num_planes, *cells) if config.num_planes else None,
    )


def held_bytes(thing: Any, seen: set[int]) -> int:
    """Bytes of the tensors that an object holds, however deep; `seen` are memory and objects that are counted."""
    if isinstance(thing, nn.Module | type) or id(thing) in seen:
        return 0
    if isinstance(thing, Tensor):
        storage = thing.untyped_storage()
        is_new = storage.data_ptr() not in seen
        seen.add(storage.data_ptr())
        return storage.nbytes() if is_new else 0
    seen.add(id(thing))
    if isinstance(thing, dict):
        return sum(held_bytes(value, seen) for value in thing.values())
    if isinstance(thing, list | tuple):
        return sum(held_bytes(value, seen) for value in thing)
    return sum(held_bytes(value, seen) for value in vars(thing).values()) if hasattr(thing, "__dict__") else 0
