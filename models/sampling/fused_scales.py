"""A scale of a multi-scale picture by a compiled kernel, given the picture of the scale below.

Axes: B lane, C colour, H W, h w of the scale below.

The upscaler is a PixelCNN or a Gated PixelCNN with a map beside it and pixels that are given, which the kernels draw
(`fused_pictures.py`). What is its own is the random numbers: those of its pixels are numbered from the end of the scale
below on, the given ones passed over, so that they are the whole's (`scales.py`).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from models.gated_pixelcnn import GatedPixelCNN
from models.multiscale import Multiscale, with_map
from models.native import best
from models.native.colour_blocks import Kernel
from models.native.pictures import PictureSize
from models.native.pixel_views import PixelViews
from models.native.wavenet import NOTHING
from models.pixelcnn import PixelCNN
from models.sampling.draws import sampling_mode
from models.sampling.fused import OnLevels, Precision, checked_items, sample_fused, why_not_fused
from models.sampling.fused_pictures import given_levels, network_of
from models.sampling.lanes import DrawnItem, LaneRequest
from models.sampling.picture_conditions import PictureConditions
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
    if not isinstance(scale.model, Multiscale):
        return sample_fused(scale.model, requests, num_lanes, precision, on_levels)
    if reason := why_not_fused(scale.network, precision):
        raise ValueError(reason)
    library = best()
    assert library is not None
    with sampling_mode(scale.model):
        kernel = Kernel(library, getattr(torch, precision))
        return checked_items(upscaled(scale.model, requests, num_lanes, kernel, on_levels))


def upscaled(
    model: Multiscale,
    requests: Sequence[LaneRequest],
    num_lanes: int,
    kernel: Kernel,
    on_levels: OnLevels | None = None,
) -> list[DrawnItem]:
    """Pictures around those that the requests keep, a set of lanes after another."""
    num_sets = -(-len(requests) // num_lanes)
    size = -(-len(requests) // max(1, num_sets))  # sets of one size, as in `fused_pictures.py`
    items: list[DrawnItem] = []
    while len(items) < len(requests):
        lanes = UpscaledSet(model, requests[len(items) : len(items) + size], size, kernel)
        while not lanes.is_done:
            lanes.draw_row()
            if on_levels is not None:
                on_levels(len(items) * lanes.num_levels + lanes.num_drawn)
        items += lanes.items()
    return items


class UpscaledSet:
    """One picture in each lane, row after row; lanes past the requests draw the first one again."""

    def __init__(self, model: Multiscale, requests: Sequence[LaneRequest], num_lanes: int, kernel: Kernel) -> None:
        self.num_items, self.shape = len(requests), requests[0].shape
        self.num_levels, (_, height, width), network = math.prod(self.shape), self.shape, model.upscaler
        assert isinstance(network, GatedPixelCNN | PixelCNN)
        self.network = network
        requests = [*requests, *[requests[0]] * (num_lanes - len(requests))]
        self.net = network_of(self.network, PictureSize(num_lanes, width), kernel)
        for lane, request in enumerate(requests):
            self.net.start(lane, request.key, float(request.departures.temperature))
        conditions = [with_map(request.condition, low_of(model, request)) for request in requests]
        self.conditions = PictureConditions(self.network, self.net, conditions, (height, width))
        given = given_levels(requests, self.network, self.shape)
        assert given is not None
        self.given, self.numbers = given, pixel_numbers(model, self.shape)
        self.views, self.levels, self.nll_nats = PixelViews(self.net), list[Tensor](), list[Tensor]()
        self.conditions.enter(-1)
        self.net.begin()

    @property
    def is_done(self) -> bool:
        """Whether every row is drawn."""
        return len(self.levels) == self.shape[1]

    @property
    def num_drawn(self) -> int:
        """Levels of all pictures so far."""
        return self.num_items * sum(len(row) for row in self.levels)

    def draw_row(self) -> None:
        """The next row of all pictures."""
        row = len(self.levels)
        given = self.given[row]
        span = self.views.draw_row(row, self.numbers[row].tolist(), given)
        self.levels.append(span.levels)
        self.nll_nats.append(span.nll_nats.masked_fill(given != NOTHING, 0))
        if not self.is_done:
            self.conditions.enter(row)
            self.net.finish_row(row)

    def items(self) -> list[DrawnItem]:
        """The pictures, and the nll_nats of what was drawn of them."""
        pictures = self.network.from_sequence(torch.cat(self.levels).t().long(), self.shape)
        nll_nats = torch.cat(self.nll_nats).t().contiguous()
        return [DrawnItem(pictures[lane].clone(), float(nll_nats[lane].sum())) for lane in range(self.num_items)]


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
