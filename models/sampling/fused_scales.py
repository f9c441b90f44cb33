"""A scale of a multi-scale picture by a compiled kernel, given the picture of the scale below.

Axes: C colour, H W, h w of the scale below.

The upscaler is a PixelCNN or a Gated PixelCNN with a map beside it and pixels that are given, which the kernels draw
(`fused_pictures.py`). What is its own is the random numbers: those of its pixels are numbered from the end of the scale
below on, the given ones passed over, so that they are the whole's (`scales.py`).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.gated_pixelcnn import GatedPixelCNN
from models.multiscale import Multiscale, with_map
from models.native import Library, best
from models.pixelcnn import PixelCNN
from models.sampling.draws import sampling_mode
from models.sampling.fused import Lanes, OnLevels, Precision, drawn_by, fused_lanes, why_not_fused
from models.sampling.fused_pictures import PictureLanes
from models.sampling.lanes import DrawnItem, LaneRequest
from models.sampling.scales import Scale


def sample_scale_fused(
    scale: Scale,
    requests: Sequence[LaneRequest],
    num_lanes: int,
    precision: Precision = "float32",
    on_levels: OnLevels | None = None,
) -> list[DrawnItem]:
    """The requested pictures of a scale, as `scales.request_at` makes requests, in their order. ValueError as of
    `sample_fused`, for the scale's network.
    """
    with sampling_mode(scale.model):
        return drawn_by(scale_lanes(scale, requests, num_lanes, precision), on_levels)


def scale_lanes(
    scale: Scale, requests: Sequence[LaneRequest], num_lanes: int, precision: Precision = "float32"
) -> Lanes:
    """What draws the requests, one at the least, by the fastest kernel; within `sampling_mode`. ValueError."""
    if not isinstance(scale.model, Multiscale):
        return fused_lanes(scale.model, requests, num_lanes, precision)
    if reason := why_not_fused(scale.network, precision):
        raise ValueError(reason)
    library = best()
    assert library is not None
    return upscaled_lanes(scale.model, requests, num_lanes, library, getattr(torch, precision))


def upscaled_lanes(
    model: Multiscale, requests: Sequence[LaneRequest], num_lanes: int, library: Library, dtype: torch.dtype
) -> Lanes:
    """Pictures around those that the requests keep."""
    network = model.upscaler
    assert isinstance(network, GatedPixelCNN | PixelCNN)
    mapped = [replace(one, condition=with_map(one.condition, low_of(model, one))) for one in requests]
    return PictureLanes(network, mapped, num_lanes, library, dtype, pixel_numbers(model, requests[0].shape))


def low_of(model: Multiscale, request: LaneRequest) -> Tensor:
    """The picture below [1, C, h, w], scaled to [-1, 1]; ValueError unless a request gives all of it."""
    if request.kept is None or not bool(model.low(request.kept.mask).all()):
        raise ValueError("a scale above the first is drawn around the whole picture of the one below: keep its pixels")
    return model.encode(model.low(request.kept.levels))


def pixel_numbers(model: Multiscale, shape: tuple[int, ...]) -> Tensor:
    """[H, W]: the number of each pixel in the whole's order of drawing; 0 where it is given."""
    grid = torch.zeros(1, 1, *shape[1:], dtype=torch.int64)
    model.low(grid).fill_(1)
    is_drawn = grid[0, 0] == 0
    num_low = int((~is_drawn).sum())
    return torch.where(is_drawn, num_low - 1 + is_drawn.flatten().cumsum(0).reshape(is_drawn.shape), 0)
