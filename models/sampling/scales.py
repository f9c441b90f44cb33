"""A multi-scale picture drawn one scale at a time: each is given the picture of the scale below, and gives its own.

Axes: B batch, C channel, H W, h w of the scale below, N position in drawing order, P parameters.

Positions of the whole are numbered base first (`multiscale.py`), so a scale's random numbers are those of the whole
where it is drawn with the whole's key: drawn apart, one after another, scales give the picture that the model draws at
one go. Their nll_nats add up to its nll_nats. What a picture keeps, each scale keeps of its own pixels.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from models.autoregressive import ImageModel
from models.conditioning import Condition
from models.multiscale import DrawnUpscaling, Multiscale
from models.sampling.kept import Kept
from models.sampling.lanes import DrawnItem, LaneRequest

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Scale:
    """One scale: pictures of `shape` (C, H, W), every `stride`-th pixel of every `stride`-th row of the whole.

    `model` draws the first scale by itself; above it, it is the multi-scale model of this scale and all below, of which
    the upscaler alone is drawn from.
    """

    model: ImageModel
    shape: Shape
    stride: int

    @property
    def network(self) -> ImageModel:
        """What computes this scale."""
        return self.model.upscaler if isinstance(self.model, Multiscale) else self.model

    @cached_property
    def drawn_from(self) -> ImageModel:
        """The model that samplers take for this scale alone; the same one each time, since they keep what it took."""
        return Upscaling(self.model) if isinstance(self.model, Multiscale) else self.model

    def part(self, picture: Tensor) -> Tensor:
        """The pixels of a whole picture [..., H, W] that belong to it."""
        return picture[..., :: self.stride, :: self.stride]

    @property
    def num_levels(self) -> int:
        """Levels of one picture, those of the scale below among them."""
        return math.prod(self.shape)

    @cached_property
    def flops(self) -> float:
        """Floating-point operations of one picture of this scale."""
        return self.network.flops_per_draw(self.shape) * self.num_levels


def scales_of(model: ImageModel, shape: tuple[int, ...]) -> list[Scale]:
    """The scales of a picture of `shape`, the smallest first; one for a model that has one. ValueError for a shape."""
    channels, height, width = shape
    whole = Scale(model, (channels, height, width), 1)
    if not isinstance(model, Multiscale):
        return [whole]
    below = scales_of(model.base, model.low_shape(shape))
    return [*(replace(scale, stride=scale.stride * model.config.factor) for scale in below), whole]


def request_at(scale: Scale, request: LaneRequest, key: tuple[int, int], below: Tensor | None) -> LaneRequest:
    """A request for a whole picture as one for a scale's; `below` [C, h, w] is the picture that it is drawn around.

    `key` is that of this scale's picture.
    """
    kept = request.kept
    own = None if kept is None else Kept(scale.part(kept.levels), scale.part(kept.mask))
    if below is not None:
        assert isinstance(scale.model, Multiscale)
        own = around(scale.model, own, below, scale.shape)
    return replace(request, shape=scale.shape, key=key, kept=own)


def around(model: Multiscale, kept: Kept | None, below: Tensor, shape: Shape) -> Kept:
    """The same kept pixels [1, C, H, W], and those of the picture below [C, h, w]."""
    nothing = torch.zeros(1, *shape, dtype=torch.int64), torch.zeros(1, *shape, dtype=torch.bool)
    levels, mask = (part.clone() for part in ((kept.levels, kept.mask) if kept else nothing))
    model.low(levels).copy_(below)
    model.low(mask).fill_(True)
    return Kept(levels, mask)


def joined(below: DrawnItem | None, above: DrawnItem) -> DrawnItem:
    """A scale's picture with the likelihood of all scales so far."""
    return above if below is None else DrawnItem(above.levels, below.nll_nats + above.nll_nats)


class Upscaling(ImageModel):
    """A multi-scale model whose low-resolution picture is given in full: its base is not computed.

    It is drawn from with the low-resolution pixels kept. Parameters at their positions are zeros, which say nothing.
    """

    def __init__(self, whole: Multiscale) -> None:
        super().__init__()
        self.whole, self.config, self.distribution = whole, whole.config, whole.distribution
        self.train(whole.training)

    def encode(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.whole.encode(x)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:  # noqa: D102
        return self.whole.predict(inputs, condition)

    def to_sequence(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.whole.to_sequence(x)

    def from_sequence(self, sequence: Tensor, shape: tuple[int, ...]) -> Tensor:  # noqa: D102
        return self.whole.from_sequence(sequence, shape)

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:  # noqa: D102
        return self.whole.upscaler.flops_per_draw(shape)

    def receptive_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        return self.whole.receptive_field(shape, row, column)

    def init_cache(  # noqa: D102
        self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> "GivenLow":
        return GivenLow(self.whole, batch_size, condition, shape)

    def step(self, x_previous: Tensor | None, cache: "GivenLow") -> tuple[Tensor, "GivenLow"]:  # noqa: D102
        return cache.next_parameters(x_previous), cache


class GivenLow:
    """The cache: nothing is computed until the low-resolution picture is whole, then the upscaler begins."""

    def __init__(self, model: Multiscale, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> None:
        self.model, self.condition, self.shape, self.low_shape = model, condition, shape, model.low_shape(shape)
        weight = next(model.parameters())
        self.nothing = weight.new_zeros(batch_size, model.distribution.num_parameters)
        self.low_levels: list[Tensor] = []
        self.upscaling: DrawnUpscaling | None = None

    def next_parameters(self, previous: Tensor | None) -> Tensor:
        """Parameters [B, P] at the next position, given the level [B] before it."""
        if self.upscaling is not None:
            return self.upscaling.next_parameters(previous)
        if previous is not None:
            self.low_levels.append(previous)
        if len(self.low_levels) < math.prod(self.low_shape):
            return self.nothing
        return self.begin_late()

    def begin_late(self) -> Tensor:
        """Begin with the upscaler, whose map is known by now: the parameters [B, P] at its first position."""
        low = self.model.base.from_sequence(torch.stack(self.low_levels, 1), self.low_shape)
        self.upscaling = DrawnUpscaling(self.model, low, self.condition, self.shape)
        return self.upscaling.next_parameters(None)
