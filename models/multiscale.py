"""Multi-scale: a small picture is drawn first, then the whole one around it (van den Oord et al. 2016a, §3.6).

Axes: B batch, N position in drawing order, C channel, H W, h = H / f, w = W / f, P parameters.

    x_low = every f-th pixel of every f-th row
    p(x)  = p_base(x_low) · Π p_upscaler(x_n | x_<n, x_low)     over all n that are no pixels of x_low

The base is a picture model of x_low. The upscaler is one of the whole picture, to each of whose layers x_low is added:
a network with a deconvolution brings it to c × H × W, a 1×1 convolution without a mask to the layer's features
(`picture_condition.py`). It goes through all positions row by row and sees those before n; pixels of x_low are copied
into their places, and what it would say of them is neither drawn nor scored. So each level counts once, and the
likelihood is exact.

Positions are numbered as they are drawn: those of x_low in the base's own order, then the rest row by row. The base may
be a multi-scale model again: 8 × 8, then 16 × 16, then 32 × 32.

Departures: each scale may be any picture model, where the paper's are PixelRNNs; what conditions the whole conditions
each scale. Dropping that condition leaves x_low, which is a part of the picture. The paper does not publish the layers
of its upsampling network, nor the factors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from models.autoregressive import ImageModel, MapImageModel
from models.conditioning import Condition, ConditionConfig
from models.distributions import scaled
from models.drawn.conv import Raster
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.layers.picture_condition import cells_seen
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPP, PixelCNNPPConfig
from models.pixelrnn import PixelRNN, PixelRNNConfig

NetworkConfig = PixelCNNConfig | GatedPixelCNNConfig | PixelRNNConfig | PixelCNNPPConfig
"""What can draw one scale."""

NETWORKS: Mapping[type, Callable[[Any], MapImageModel]] = {
    PixelCNNConfig: PixelCNN,
    GatedPixelCNNConfig: GatedPixelCNN,
    PixelRNNConfig: PixelRNN,
    PixelCNNPPConfig: PixelCNNPP,
}


@dataclass(frozen=True, kw_only=True)
class MultiscaleConfig:
    """Two networks, `base` for every `factor`-th pixel of every `factor`-th row and `upscaler` for the rest.

    Levels, channels and condition of the two are those of the whole, whatever stands in their own configs; the
    upscaler gets the low-resolution picture beside it, as a map of `map_channels` features (the paper's c), and embeds
    the condition in as many. Their distributions must be the same.
    """

    num_levels: int = 256
    channels: int = 3
    factor: int = 2
    map_channels: int = 32
    base: "NetworkConfig | MultiscaleConfig"
    upscaler: NetworkConfig
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    name: Literal["multiscale"] = "multiscale"
    """What tells it from the config of another network, where one of several is asked for."""

    def __post_init__(self) -> None:
        if self.factor < 2:
            raise ValueError(f"expected a factor of 2 or more from one scale to the next, got {self.factor}")
        if self.condition.has_planes:
            raise ValueError(
                f"a multiscale model is conditioned on attributes and a vector, got num_planes="
                f"{self.condition.num_planes}: its upscaler's map is the low-resolution picture; set num_planes to 0"
            )

    @property
    def size_divisor(self) -> int:
        """What the height and the width of a picture must be divisible by, for all scales and their networks."""
        base, upscaler = (int(getattr(part, "size_divisor", 1)) for part in (self.base, self.upscaler))
        return math.lcm(self.factor * base, upscaler)

    def networks(self) -> tuple[ImageModel, MapImageModel]:
        """Base and upscaler."""
        with_map = replace(
            self.condition,
            channels=self.map_channels,
            num_planes=self.channels,
            plane_factor=self.factor,
            planes_of_item=True,
        )
        base = network(part(self.base, self, self.condition))
        return base, NETWORKS[type(self.upscaler)](part(self.upscaler, self, with_map))


Part = TypeVar("Part", NetworkConfig, NetworkConfig | MultiscaleConfig)


def part(config: Part, whole: MultiscaleConfig, condition: ConditionConfig) -> Part:
    """A part's config with what the whole decides filled in."""
    return replace(config, num_levels=whole.num_levels, channels=whole.channels, condition=condition)


def network(config: NetworkConfig | MultiscaleConfig) -> ImageModel:
    """The model of one scale, or of several."""
    return Multiscale(config) if isinstance(config, MultiscaleConfig) else NETWORKS[type(config)](config)


class Multiscale(ImageModel):
    """Levels [B, C, H, W] to parameters [B, C, H, W, P], each position's in its place. The factors divide H and W."""

    def __init__(self, config: MultiscaleConfig) -> None:
        super().__init__()
        self.config = config
        self.base, self.upscaler = config.networks()
        self.distribution = self.base.distribution
        if self.upscaler.distribution != self.distribution:
            raise ValueError(
                f"base and upscaler must give the same distribution, got {self.distribution} ({config.base.name}) and "
                f"{self.upscaler.distribution} ({config.upscaler.name}): let both end in a softmax, or both be "
                "pixelcnn_pp with equally many components"
            )

    def encode(self, x: Tensor) -> Tensor:  # noqa: D102
        return scaled(x, self.config.num_levels).to(next(self.parameters()).dtype)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:  # noqa: D102
        self.low_shape(tuple(inputs.shape[1:]))
        low = self.low(inputs)
        of_low = self.base.predict(low, condition)
        parameters = self.upscaler.predict(inputs, with_map(condition, low)).clone()
        self.low(parameters).copy_(of_low)
        return parameters

    def low(self, x: Tensor) -> Tensor:
        """The low-resolution part of x [B, C, H, W, ...], a view of it: [B, C, h, w, ...]."""
        return x[:, :, :: self.config.factor, :: self.config.factor]

    def low_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(C, h, w) for items of `shape`; ValueError where it cannot be drawn in these scales."""
        factor, divisor = self.config.factor, self.config.size_divisor
        if len(shape) != 3 or any(side < 1 or side % divisor for side in shape[1:]):
            raise ValueError(
                f"expected (C, H, W) with H and W divisible by {divisor}, so that every scale has whole pixels, got "
                f"{tuple(shape)}: give other pictures, another factor or fewer scales"
            )
        return shape[0], shape[1] // factor, shape[2] // factor

    def copied(self, shape: tuple[int, ...]) -> Tensor:
        """[N] bool in raster order: which positions belong to the low-resolution picture."""
        flags = torch.zeros(1, *shape, dtype=torch.bool)
        self.low(flags).fill_(True)
        return self.upscaler.to_sequence(flags)[0]

    def drawn_after(self, shape: tuple[int, ...]) -> Tensor:
        """Which positions, numbered in raster order, do not belong to it."""
        return (~self.copied(shape)).nonzero().flatten()

    def to_sequence(self, x: Tensor) -> Tensor:  # noqa: D102
        rest = self.drawn_after(tuple(x.shape[1:4])).to(x.device)
        return torch.cat([self.base.to_sequence(self.low(x)), self.upscaler.to_sequence(x)[:, rest]], 1)

    def from_sequence(self, sequence: Tensor, shape: tuple[int, ...]) -> Tensor:  # noqa: D102
        low_shape = self.low_shape(shape)
        rest, num_low = self.drawn_after(shape).to(sequence.device), math.prod(low_shape)
        raster = torch.zeros_like(sequence)
        raster[:, rest] = sequence[:, num_low:]
        x = self.upscaler.from_sequence(raster, shape)
        self.low(x).copy_(self.base.from_sequence(sequence[:, :num_low], low_shape))
        return x

    def units(self) -> Sequence[nn.Module]:  # noqa: D102
        return [*self.base.units(), *self.upscaler.units()]

    @torch.no_grad()
    def initialise(self, x: Tensor, condition: Condition | None = None) -> None:  # noqa: D102
        self.base.initialise(self.low(x), condition)
        self.upscaler.initialise(x, with_map(condition, self.low(self.encode(x))))

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:
        """The mean over the item's positions; the upscaler goes through the copied ones too, and draws none there."""
        low = self.low_shape(shape)
        share = math.prod(low) / math.prod(shape)
        return share * self.base.flops_per_draw(low) + self.upscaler.flops_per_draw(shape)

    def receptive_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        factor, low = self.config.factor, self.low_shape(shape)
        if row % factor == 0 and column % factor == 0:
            field = torch.zeros(shape[1:], dtype=torch.bool)
            field[::factor, ::factor] = self.base.receptive_field(low, row // factor, column // factor)
            return field
        field = self.upscaler.receptive_field(shape, row, column)
        field[::factor, ::factor] |= cells_seen(self.upscaler.conditioned_field(shape, row, column), factor)
        return field

    @torch.no_grad()
    def init_cache(  # noqa: D102
        self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> "DrawnMultiscale":
        return DrawnMultiscale(self, batch_size, condition, shape)

    @torch.no_grad()
    def step(  # noqa: D102
        self, x_previous: Tensor | None, cache: "DrawnMultiscale"
    ) -> tuple[Tensor, "DrawnMultiscale"]:
        cache.raster.accept(x_previous)
        return cache.next_parameters(x_previous), cache


def with_map(condition: Condition | None, low: Tensor) -> Condition:
    """The upscaler's condition: the whole's, and the low-resolution picture scaled to [-1, 1] as a map."""
    return replace(condition or Condition(), planes=low)


class DrawnMultiscale:
    """The cache: the base's while the low-resolution picture is drawn, then the upscaler's."""

    def __init__(self, model: Multiscale, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> None:
        self.model, self.condition, self.shape = model, condition, shape
        self.raster, self.low_shape = Raster(shape, model.config.channels), model.low_shape(shape)
        self.base = model.base.init_cache(batch_size, condition, self.low_shape)
        self.low_levels: list[Tensor] = []
        self.upscaling: DrawnUpscaling | None = None

    def next_parameters(self, previous: Tensor | None) -> Tensor:
        """Parameters [B, P] at the next position in drawing order, given the level [B] just drawn."""
        if self.upscaling is not None:
            return self.upscaling.next_parameters(previous)
        if previous is not None:
            self.low_levels.append(previous)
        if len(self.low_levels) < math.prod(self.low_shape):
            parameters, self.base = self.model.base.step(previous, self.base)
            return parameters
        return self.begin_late()

    def begin_late(self) -> Tensor:
        """Begin with the upscaler, whose map is known by now: the parameters [B, P] at its first position.

        A cache that is restored is led here too (`sampling/cache_state.py`).
        """
        low = self.model.base.from_sequence(torch.stack(self.low_levels, 1), self.low_shape)
        self.upscaling = DrawnUpscaling(self.model, low, self.condition, self.shape)
        return self.upscaling.next_parameters(None)


class DrawnUpscaling:
    """The upscaler, led through all positions row by row; the levels of `low` [B, C, h, w] are put in, not drawn."""

    def __init__(self, model: Multiscale, low: Tensor, condition: Condition | None, shape: tuple[int, ...]) -> None:
        self.upscaler = model.upscaler
        self.copied: list[bool] = model.copied(shape).tolist()
        levels = low.new_zeros(len(low), *shape)
        model.low(levels).copy_(low)
        self.levels = self.upscaler.to_sequence(levels)
        self.cache = self.upscaler.init_cache(len(low), with_map(condition, model.encode(low)), shape)
        self.number = -1

    def next_parameters(self, previous: Tensor | None) -> Tensor:
        """Parameters [B, P] at the next position that is not copied, given the level [B] drawn before it."""
        parameters = self._step(previous)
        while self.copied[self.number]:
            parameters = self._step(self.levels[:, self.number])
        return parameters

    def _step(self, previous: Tensor | None) -> Tensor:
        parameters, self.cache = self.upscaler.step(previous, self.cache)
        self.number += 1
        return parameters
