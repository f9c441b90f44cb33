"""Gated PixelCNN: two stacks without a blind spot (van den Oord et al. 2016b, "Conditional Image Generation with
PixelCNN Decoders").

Axes: B batch, C channel (colour), H W, K levels.

    vertical        v' = (k//2 + 1 rows × k) ∗ v + V^T condition              all colours of all pixels above
    horizontal      a  = (1 × (k//2 + 1), masked) ∗ h + 1×1 ∗ shift_down(v') + V^T condition
                    v  = gate(v')        h = 1×1 B ∗ gate(a), + h after the first layer          Figure 2, equation 4
    2 ×             [ ReLU, 1×1 B ]  on h,  a softmax over K levels for each colour

The vertical map at a row depends on that row; it is moved one row down before the horizontal stack takes it, so rows
above need no mask. The horizontal stack sees the current row: mask A in the first layer, B after it. Only it has a
residual connection, and none around the first layer, whose input holds the pixel itself.
The vertical stack hands over before its gate, as in Figure 2, here with the condition in it: so every layer's
matrix V has a gradient, the last vertical one included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn

from models.autoregressive import MapImageModel
from models.conditioning import Condition, ConditionConfig
from models.cost import FLOPS_PER_MULTIPLICATION, num_multiplications
from models.distributions import Categorical, scaled
from models.drawn.conv import FinishedRows, PixelConv, Raster
from models.layers.gate import gate
from models.layers.masked_conv import (
    POINT,
    MaskedConv2d,
    VerticalConv2d,
    by_colour,
    colour_of_each,
    leftward,
    masked_points,
    product,
    shift_down,
    with_channels_last,
)
from models.layers.picture_condition import LayerBias, PictureCondition, plus, plus_row
from models.layers.picture_field import (
    masked_offsets,
    one_pixel,
    seen_from,
    seen_through_mask_a,
    vertical_offsets,
    without_itself,
)


@dataclass(frozen=True)
class GatedPixelCNNConfig:
    """15 layers of 128 features, a size that one processor can still train; the paper's has more and wider layers.

    `num_layers` counts the first one, which has `first_kernel` and mask A.
    """

    num_levels: int = 256
    channels: int = 3
    hidden: int = 128
    num_layers: int = 15
    head_channels: int = 1024
    first_kernel: int = 7
    kernel: int = 3
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    name: Literal["gated_pixelcnn"] = "gated_pixelcnn"
    """What tells it from the config of another network, where one of several is asked for."""

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError(f"expected num_layers of 1 or more, got {self.num_layers}")


class GatedLayer(nn.Module):
    """One layer of both stacks: (v, h) to (v, h), [B, hidden, H, W] each; the first one's input is the picture."""

    def __init__(self, colours_in: list[int], hidden: list[int], kernel: int, *, first: bool) -> None:
        super().__init__()
        halves = hidden + hidden  # what the gate halves: tanh's features, then sigmoid's
        self.first = first
        self.vertical = VerticalConv2d(len(colours_in), len(halves), kernel)
        self.down = nn.Conv2d(len(halves), len(halves), 1, bias=False)  # the horizontal convolution has the bias
        self.horizontal = MaskedConv2d(colours_in, halves, leftward(kernel), "A" if first else "B")
        self.output = MaskedConv2d(hidden, hidden, POINT, "B")

    def forward(
        self, v: Tensor, h: Tensor, vertical_bias: LayerBias, horizontal_bias: LayerBias
    ) -> tuple[Tensor, Tensor]:
        """The layer's two maps."""
        above = plus(self.vertical(v), vertical_bias)
        handed_over = product(shift_down(above), self.down.weight.flatten(1))
        row = plus(self.horizontal(h) + handed_over, horizontal_bias)
        out = self.output(gate(row))
        return gate(above), out if self.first else h + out


class GatedPixelCNN(MapImageModel):
    """Levels [B, C, H, W] to logits [B, C, H, W, K]. A later colour sees the earlier ones of its pixel."""

    def __init__(self, config: GatedPixelCNNConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = Categorical(config.num_levels)
        colours, layers = config.channels, config.num_layers
        picture, hidden = colour_of_each(colours, colours), colour_of_each(config.hidden, colours)
        head = colour_of_each(config.head_channels, colours)
        logits = colour_of_each(colours * config.num_levels, colours)
        later = [GatedLayer(hidden, hidden, config.kernel, first=False) for _ in range(layers - 1)]
        self.layers = cast(
            Sequence[GatedLayer], nn.ModuleList([GatedLayer(picture, hidden, config.first_kernel, first=True), *later])
        )
        self.head = masked_points(hidden, head, logits)
        self.condition = PictureCondition(config.condition, [2 * config.hidden] * (2 * layers))

    def encode(self, x: Tensor) -> Tensor:  # noqa: D102
        return scaled(x, self.config.num_levels).to(self.head[0].bias.dtype)

    def biases(
        self, condition: Condition | None, batch_size: int, size: tuple[int, int]
    ) -> list[tuple[LayerBias, LayerBias]]:
        """What the condition adds to each layer's vertical and horizontal stack."""
        biases = self.condition(condition, batch_size, size)
        return list(zip(biases[::2], biases[1::2], strict=True))

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:  # noqa: D102
        v = h = with_channels_last(inputs)
        biases = self.biases(condition, len(inputs), (inputs.shape[2], inputs.shape[3]))
        for layer, (vertical, horizontal) in zip(self.layers, biases, strict=True):
            v, h = layer(v, h, vertical, horizontal)
        for conv in self.head:
            h = conv(h.relu())
        return by_colour(h, self.config.channels)

    def units(self) -> Sequence[nn.Module]:  # noqa: D102
        return self.layers

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:  # noqa: D102
        of_condition = self.condition.multiplications_per_pixel(shape[1] * shape[2])
        return FLOPS_PER_MULTIPLICATION * (num_multiplications(*self.layers, *self.head) + of_condition) / shape[0]

    def receptive_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        vertical, horizontal = self.first_fields(shape, row, column)
        reaches = self.layers[0].vertical.reach, self.layers[0].horizontal.reach
        vertical = seen_from(vertical, vertical_offsets(reaches[0]))
        horizontal = seen_through_mask_a(horizontal, reaches[1], shape[0])
        return without_itself(vertical | horizontal, row, column)

    def conditioned_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        vertical, horizontal = self.first_fields(shape, row, column)
        return vertical | horizontal

    def first_fields(self, shape: tuple[int, ...], row: int, column: int) -> tuple[Tensor, Tensor]:
        """Where a pixel looks at the first layer's two maps, the vertical and the horizontal one."""
        horizontal = one_pixel((shape[1], shape[2]), row, column)
        vertical = seen_from(horizontal, [(-1, 0)])
        for layer in reversed(self.layers[1:]):
            # Both stacks look through their kernels; the horizontal one takes the vertical map of the row above.
            vertical = seen_from(vertical, vertical_offsets(layer.vertical.reach))
            horizontal = seen_from(horizontal, masked_offsets(layer.horizontal.reach, centre=True))
            vertical |= seen_from(horizontal, [(-1, 0)])
        return vertical, horizontal

    @torch.no_grad()
    def init_cache(  # noqa: D102
        self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> "DrawnGatedPixelCNN":
        return DrawnGatedPixelCNN(self, batch_size, condition, shape)

    @torch.no_grad()
    def step(  # noqa: D102
        self, x_previous: Tensor | None, cache: "DrawnGatedPixelCNN"
    ) -> tuple[Tensor, "DrawnGatedPixelCNN"]:
        cache.raster.accept(x_previous)
        if x_previous is not None:
            cache.see(self.encode(x_previous))
        return cache.logits(), cache


class DrawnGatedPixelCNN:
    """The cache: the vertical stack's last rows, and the horizontal stack's pixels to the left."""

    def __init__(
        self, model: GatedPixelCNN, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> None:
        self.raster = Raster(shape, model.config.channels)
        width = self.raster.width
        self.layers = [
            DrawnLayer(layer, batch_size, width, *biases)
            for layer, biases in zip(model.layers, model.biases(condition, batch_size, self.raster.size), strict=True)
        ]
        self.head = [PixelConv(conv, batch_size, width) for conv in model.head]
        self.row = model.head[0].bias.new_zeros(batch_size, self.raster.num_colours, width)

    def see(self, value: Tensor) -> None:
        """Take the value [B] at the current position and go to the next."""
        raster = self.raster
        self.row[:, raster.colour, raster.column] = value
        self.layers[0].horizontal.put(raster.colour, value[:, None])
        raster.move()
        if raster.colour == 0:
            for layer in self.layers:
                layer.horizontal.next_pixel()
        if raster.colour == 0 and raster.column == 0:
            row = self.row
            for layer in self.layers:
                row = layer.next_row(row)

    def logits(self) -> Tensor:
        """The logits [B, K] at the current position: one colour's features through the horizontal stack."""
        colour, column = self.raster.colour, self.raster.column
        h = self.layers[0].across(colour, column)
        for layer in self.layers[1:]:
            layer.horizontal.put(colour, h)
            h = h + layer.across(colour, column)
        for conv in self.head:
            conv.put(colour, h.relu())
            h = conv.take(colour)
        return h


class DrawnLayer:
    """A gated layer: the vertical stack for a row at once, the horizontal stack for one colour of one pixel."""

    def __init__(
        self, layer: GatedLayer, batch_size: int, width: int, vertical: LayerBias, horizontal: LayerBias
    ) -> None:
        conv = layer.vertical.conv
        self.vertical, self.vertical_bias = FinishedRows(conv.weight, conv.bias, batch_size, width), vertical
        self.horizontal = PixelConv(layer.horizontal, batch_size, width)
        self.output = PixelConv(layer.output, batch_size, width)
        self.down = layer.down
        self.offset, self.horizontal_bias = layer.horizontal.bias[:, None], horizontal
        self.finished = 0
        nothing_above = self.offset.expand(batch_size, -1, width)
        self.horizontal.start_row(plus_row(nothing_above, horizontal, 0))

    def next_row(self, row: Tensor) -> Tensor:
        """Take a finished row [B, C_in, W] and begin the one below it; gives the next layer's finished row."""
        above = plus_row(self.vertical.push(row), self.vertical_bias, self.finished)
        self.finished += 1
        offset = self.down(above[:, :, None])[:, :, 0] + self.offset
        self.horizontal.start_row(plus_row(offset, self.horizontal_bias, self.finished))
        return gate(above)

    def across(self, colour: int, column: int) -> Tensor:
        """What this layer adds to the horizontal stack's features [B, ...] of a colour at the current pixel."""
        self.output.put(colour, gate(self.horizontal.take(colour, column)))
        return self.output.take(colour)
