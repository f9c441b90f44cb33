"""PixelCNN++: two shifted streams through a U of three resolutions, a mixture of logistics for each pixel
(Salimans, Karpathy, Chen, Kingma 2017; the reference is openai/pixel-cnn).

Axes: B batch, C channel (colour), H W, K levels, M mixture components, P parameters.

    u   sees the rows above           ul  sees them too, and the pixels to the left
    u = down(2×3 ∗ x)                 ul = down(1×3 ∗ x) + right(2×1 ∗ x)       down, right: moved by one pixel

    size 1   n layers ─────────── shortcuts ─────────── n + 1 layers ── ELU, 1×1 on ul
         2      └ n layers ────── shortcuts ────── n + 1 layers ┘
         4           └ n layers ─ shortcuts ─ n layers ┘         └ strided, ┘ transposed convolutions of both streams

A layer is a gated resnet in each stream (`gated_resnet.py`): 2×3 in u; 2×2 in ul, which takes u beside it. x is the
picture, scaled to [-1, 1], and a feature of ones, which tells it from the zeros outside. Convolutions are
weight-normalised, with a start from data (`shifted_conv.py`). Of a pixel come 10 M numbers, a mixture of M logistics
that its three colours share; `pixel_mixture.py` has it colour by colour, exactly, as our contract does.

Departures: a colour is drawn as a level and goes on as such; the reference passes on what it drew before rounding. The
data-dependent start is made without dropout; the reference drops out there too. Scales are bounded where levels cannot
tell narrower ones: e^-7.15 for 256 levels, e^-7 in the reference. A condition may also be a map: its bias is brought to
the size of a layer by the mean over the pixels of a cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, cast

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.autoregressive import MapImageModel
from models.conditioning import Condition, ConditionConfig
from models.cost import FLOPS_PER_MULTIPLICATION, num_multiplications
from models.distributions import DiscretisedLogisticMixture, scaled
from models.drawn.conv import Raster
from models.drawn.shifted import DrawnGrowth, DrawnPixels, DrawnPoint, finished_rows
from models.drawn.streams import DrawnLayer, DrawnLevel, DrawnSmaller
from models.layers.gated_resnet import GatedResnet
from models.layers.masked_conv import POINT, Reach, shift_down
from models.layers.picture_condition import LayerBias, PictureCondition
from models.layers.picture_field import one_pixel, seen_from
from models.layers.pixel_mixture import PixelMixture, num_outputs
from models.layers.precision import full_precision
from models.layers.shifted_conv import ABOVE, UP_LEFT, ShiftedConv2d, TransposedConv2d, spread, started_from_data


@dataclass(frozen=True)
class PixelCNNPPConfig:
    """The paper's CIFAR-10 network.

    `num_resnets` are the gated resnets of one stream at one resolution, on the way down and again on the way up. Height
    and width must be divisible by 2^(num_resolutions - 1).
    """

    num_levels: int = 256
    channels: int = 3
    filters: int = 160
    num_resnets: int = 5
    num_resolutions: int = 3
    num_components: int = 10
    dropout: float = 0.5
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    name: Literal["pixelcnn_pp"] = "pixelcnn_pp"
    """What tells it from the config of another network, where one of several is asked for."""

    def __post_init__(self) -> None:
        counts = self.channels, self.filters, self.num_resnets, self.num_resolutions, self.num_components
        if min(counts) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                "channels, filters, num_resnets, num_resolutions and num_components must be at least 1, and dropout "
                f"at least 0 and below 1, got {self}"
            )

    @property
    def size_divisor(self) -> int:
        """What the height and the width of a picture must be divisible by."""
        return int(2 ** (self.num_resolutions - 1))


class Streams(NamedTuple):
    """The two maps of features, or the fields of pixels that are looked at in them."""

    u: Tensor
    ul: Tensor


class Layer(nn.Module):
    """A gated resnet of each stream. ul takes u beside it; on the way up each takes a shortcut from the way down."""

    def __init__(self, config: PixelCNNPPConfig, *, shortcut: bool) -> None:
        super().__init__()
        self.u = GatedResnet(config.filters, ABOVE, int(shortcut), config.dropout)
        self.ul = GatedResnet(config.filters, UP_LEFT, 1 + int(shortcut), config.dropout)

    def forward(self, streams: Streams, shortcut: Streams | None, u_bias: LayerBias, ul_bias: LayerBias) -> Streams:
        """The streams after the layer."""
        u = self.u(streams.u, [shortcut.u] if shortcut else [], u_bias)
        ul = self.ul(streams.ul, [u, shortcut.ul] if shortcut else [u], ul_bias)
        return Streams(u, ul)

    def seen_by(self, fields: Streams) -> tuple[Streams, Streams]:
        """Where the fields of what this layer gives look in what it was given, and in the shortcut."""
        ul = self.ul.second.seen_by(fields.ul)
        u = self.u.second.seen_by(fields.u | ul)
        return Streams(self.u.first.seen_by(u), self.ul.first.seen_by(ul)), Streams(u, ul)


class Level(nn.Module):
    """All that happens at one resolution and, within it, at the smaller ones."""

    def __init__(self, config: PixelCNNPPConfig, num_smaller: int) -> None:
        super().__init__()
        layers = [Layer(config, shortcut=False) for _ in range(config.num_resnets)]
        self.down = cast(Sequence[Layer], nn.ModuleList(layers))
        self.smaller = Smaller(config, num_smaller - 1) if num_smaller else None
        num_up = config.num_resnets + (self.smaller is not None)
        self.up = cast(Sequence[Layer], nn.ModuleList(Layer(config, shortcut=True) for _ in range(num_up)))

    def forward(self, streams: Streams, biases: Iterator[LayerBias]) -> Streams:  # noqa: D102
        kept = [streams]
        for layer in self.down:
            kept.append(layer(kept[-1], None, next(biases), next(biases)))
        streams = self.smaller(kept[-1], biases) if self.smaller is not None else kept.pop()
        for layer in self.up:
            streams = layer(streams, kept.pop(), next(biases), next(biases))
        return streams

    def layers(self) -> list[Layer]:
        """Every layer, those of smaller levels too."""
        return [*self.down, *(self.smaller.level.layers() if self.smaller is not None else []), *self.up]

    def drawn(self, batch_size: int, width: int, biases: Iterator[LayerBias]) -> DrawnLevel:
        """The level as it is drawn, pixel by pixel."""
        down = [DrawnLayer(layer.u, layer.ul, batch_size, width, biases) for layer in self.down]
        smaller = self.smaller.drawn(batch_size, width, biases) if self.smaller is not None else None
        up = [DrawnLayer(layer.u, layer.ul, batch_size, width, biases) for layer in self.up]
        return DrawnLevel(down, smaller, up)

    def sizes(self) -> list[int]:
        """How many times smaller than this level each stream of each layer is, in the order in which they come."""
        smaller = [2 * size for size in self.smaller.level.sizes()] if self.smaller is not None else []
        return [1] * 2 * len(self.down) + smaller + [1] * 2 * len(self.up)

    def num_multiplications(self) -> float:
        """For each pixel of this level."""
        smaller = self.smaller.num_multiplications() / 4 if self.smaller is not None else 0
        return num_multiplications(*self.down, *self.up) + smaller

    def seen_by(self, fields: Streams) -> tuple[Streams, Tensor]:
        """Where the fields of what the level gives look in what it was given, and where layers of it look at all."""
        needed, looked = [], torch.zeros_like(fields.u)
        for layer in reversed(self.up):
            looked = looked | fields.u | fields.ul
            fields, shortcut = layer.seen_by(fields)
            needed.append(shortcut)
        if self.smaller is not None:
            fields, within = self.smaller.seen_by(fields)
            fields, looked = union(fields, needed.pop()), looked | within
        for layer in reversed(self.down):
            looked = looked | fields.u | fields.ul
            fields = union(layer.seen_by(fields)[0], needed.pop())
        return fields, looked


class Smaller(nn.Module):
    """A level of half the height and width, between strided and transposed convolutions."""

    def __init__(self, config: PixelCNNPPConfig, num_smaller: int) -> None:
        super().__init__()
        filters = config.filters
        self.shrink_u = ShiftedConv2d(filters, filters, ABOVE, stride=2)
        self.shrink_ul = ShiftedConv2d(filters, filters, UP_LEFT, stride=2)
        self.level = Level(config, num_smaller)
        self.grow_u = TransposedConv2d(filters, filters, ABOVE)
        self.grow_ul = TransposedConv2d(filters, filters, UP_LEFT)

    def forward(self, streams: Streams, biases: Iterator[LayerBias]) -> Streams:  # noqa: D102
        u, ul = self.level(Streams(self.shrink_u(streams.u), self.shrink_ul(streams.ul)), biases)
        return Streams(self.grow_u(u), self.grow_ul(ul))

    def drawn(self, batch_size: int, width: int, biases: Iterator[LayerBias]) -> DrawnSmaller:
        """The same as it is drawn; `width` is that of the level around it."""
        shrink = finished_rows(self.shrink_u, batch_size, width), DrawnPixels(self.shrink_ul, batch_size, width)
        grow = DrawnGrowth(self.grow_u, batch_size, width), DrawnGrowth(self.grow_ul, batch_size, width)
        return DrawnSmaller(shrink, self.level.drawn(batch_size, width // 2, biases), grow)

    def num_multiplications(self) -> float:
        """For each cell."""
        ends = num_multiplications(self.shrink_u, self.shrink_ul, self.grow_u, self.grow_ul)
        return ends + self.level.num_multiplications()

    def seen_by(self, fields: Streams) -> tuple[Streams, Tensor]:
        """As of a level; the second field holds all pixels of a cell."""
        cells = Streams(self.grow_u.seen_by(fields.u), self.grow_ul.seen_by(fields.ul))
        cells, looked = self.level.seen_by(cells)
        pixels = Streams(self.shrink_u.seen_by(cells.u), self.shrink_ul.seen_by(cells.ul))
        return pixels, seen_from(spread(looked, 2), [(0, 0), (0, 1), (1, 0), (1, 1)])


def union(fields: Streams, others: Streams) -> Streams:
    """What is looked at in either."""
    return Streams(fields.u | others.u, fields.ul | others.ul)


class PixelCNNPP(MapImageModel):
    """Levels [B, C, H, W] to the parameters [B, C, H, W, 3M] of a mixture for each colour, given the ones before it."""

    def __init__(self, config: PixelCNNPPConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = DiscretisedLogisticMixture(config.num_levels, config.num_components)
        features, filters = config.channels + 1, config.filters
        self.above = ShiftedConv2d(features, filters, ABOVE)
        self.row_above = ShiftedConv2d(features, filters, Reach(up=0, left=1, right=1))
        self.left = ShiftedConv2d(features, filters, Reach(up=1, left=0, right=0))
        self.level = Level(config, config.num_resolutions - 1)
        self.head = ShiftedConv2d(filters, num_outputs(config.channels, config.num_components), POINT)
        sizes = self.level.sizes()
        self.condition = PictureCondition(config.condition, [2 * filters] * len(sizes), sizes)

    def encode(self, x: Tensor) -> Tensor:  # noqa: D102
        return scaled(x, self.config.num_levels).to(self.head.bias.dtype)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:  # noqa: D102
        mixture = self.mixture(self.output(inputs, condition).movedim(1, -1))
        parameters = [mixture.parameters(0)]
        for colour in range(1, self.config.channels):
            mixture = mixture.given(colour - 1, inputs[:, colour - 1])
            parameters.append(mixture.parameters(colour))
        return torch.stack(parameters, 1)

    def units(self) -> Sequence[nn.Module]:  # noqa: D102
        return self.level.layers()

    def mixture(self, output: Tensor) -> PixelMixture:
        """The mixture of pixels, from the network's output [..., num_outputs]."""
        return PixelMixture.of(output, self.config.num_levels, self.config.channels)

    def output(self, inputs: Tensor, condition: Condition | None) -> Tensor:
        """What the network gives for each pixel, [B, num_outputs, H, W]."""
        biases = self.biases(condition, len(inputs), (inputs.shape[2], inputs.shape[3]))
        x = torch.cat([inputs, torch.ones_like(inputs[:, :1])], 1)  # the ones tell the picture from what is outside
        ul = shift_down(self.row_above(x)) + shift_right(self.left(x))
        _, ul = self.level(Streams(shift_down(self.above(x)), ul), iter(biases))
        # In full precision: of the means between 1/2 and 1, bfloat16 has two for each of 256 levels.
        with full_precision(ul.device):
            output: Tensor = self.head(F.elu(ul.to(self.head.bias.dtype)))
        return output

    def biases(self, condition: Condition | None, batch_size: int, size: tuple[int, int]) -> list[LayerBias]:
        """What the condition adds in each stream of each layer, at the layer's size."""
        largest = self.config.size_divisor
        if size[0] % largest or size[1] % largest:
            raise ValueError(
                f"expected a height and a width divisible by {largest}, since num_resolutions is "
                f"{self.config.num_resolutions}, got {size[0]} × {size[1]}: give other pictures or fewer resolutions"
            )
        biases: list[LayerBias] = self.condition(condition, batch_size, size)
        return biases

    @torch.no_grad()
    def initialise(self, x: Tensor, condition: Condition | None = None) -> None:
        """Set each layer's scale and bias so that over the batch its features have mean 0 and a known deviation."""
        was_training = self.training
        with started_from_data(self.eval()):
            self(x, condition)
        self.train(was_training)

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:  # noqa: D102
        ends = num_multiplications(self.above, self.row_above, self.left, self.head)
        of_condition = self.condition.multiplications_per_pixel(shape[1] * shape[2])
        return FLOPS_PER_MULTIPLICATION * (ends + self.level.num_multiplications() + of_condition) / shape[0]

    def receptive_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        fields, _ = self.fields(shape, row, column)
        above, row_above = (seen_from(looked, [(-1, 0)]) for looked in fields)
        left = seen_from(fields.ul, [(0, -1)])
        return self.above.seen_by(above) | self.row_above.seen_by(row_above) | self.left.seen_by(left)

    def conditioned_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        return self.fields(shape, row, column)[1]

    def fields(self, shape: tuple[int, ...], row: int, column: int) -> tuple[Streams, Tensor]:
        """Where a pixel looks in the two streams as they enter the first layer, and in those of any layer."""
        nothing = torch.zeros(shape[1:], dtype=torch.bool)
        return self.level.seen_by(Streams(nothing, one_pixel((shape[1], shape[2]), row, column)))

    @torch.no_grad()
    def init_cache(  # noqa: D102
        self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> "DrawnPixelCNNPP":
        return DrawnPixelCNNPP(self, batch_size, condition, shape)

    @torch.no_grad()
    def step(  # noqa: D102
        self, x_previous: Tensor | None, cache: "DrawnPixelCNNPP"
    ) -> tuple[Tensor, "DrawnPixelCNNPP"]:
        cache.raster.accept(x_previous)
        if x_previous is not None:
            cache.see(self.encode(x_previous))
        return cache.mixture.parameters(cache.raster.colour), cache


def shift_right(x: Tensor) -> Tensor:
    """Each column moved to the next, zeros into the first: column c of the result is column c - 1 of x [B, C, H, W]."""
    return F.pad(x, (1, 0))[..., :-1]


class DrawnPixelCNNPP:
    """The cache: u as far as the current row, ul as far as the current pixel, the mixture of the current pixel."""

    mixture: PixelMixture

    def __init__(self, model: PixelCNNPP, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> None:
        self.raster = Raster(shape, model.config.channels)
        width, biases = self.raster.width, model.biases(condition, batch_size, self.raster.size)
        self.above = finished_rows(model.above, batch_size, width)
        self.row_above = finished_rows(model.row_above, batch_size, width)
        self.left = DrawnPixels(model.left, batch_size, width)
        self.level = model.level.drawn(batch_size, width, iter(biases))
        self.head, self.mixture_of = DrawnPoint(model.head.weight(), model.head.bias), model.mixture
        self.x = self.left.bias.new_ones(batch_size, model.config.channels + 1, width)  # the last row, then this one
        nothing = self.left.bias.new_zeros(batch_size, model.config.filters, width)
        self.begin_row(nothing, nothing)

    def see(self, value: Tensor) -> None:
        """Take the value [B] at the current position and go to the next."""
        raster, colour = self.raster, self.raster.colour
        self.x[:, colour, raster.column] = value
        raster.move()
        if raster.colour > 0:
            self.mixture = self.mixture.given(colour, value)
        elif raster.column > 0:
            previous = raster.column - 1
            self.begin_pixel(self.left.push(previous, self.x[:, :, previous]))
        else:
            self.begin_row(self.above.push(self.x), self.row_above.push(self.x))

    def begin_row(self, above: Tensor, row_above: Tensor) -> None:
        """Compute u for the row, from what is seen of the rows above it."""
        self.from_above = row_above
        self.left.start_row(self.left.row_above())
        self.level.row(self.raster.row, above)
        self.begin_pixel(None)

    def begin_pixel(self, left: Tensor | None) -> None:
        """Compute ul at the pixel, from what is seen to its left too, and the pixel's mixture."""
        row, column = self.raster.row, self.raster.column
        above = self.from_above[:, :, column]
        ul = self.level.pixel(row, column, above if left is None else above + left)
        self.mixture = self.mixture_of(self.head(F.elu(ul)))
