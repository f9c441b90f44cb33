"""PixelCNN: masked residual convolutions over a picture (van den Oord, Kalchbrenner, Kavukcuoglu 2016a, §3).

Axes: B batch, C channel (colour), H W, K levels.

    7×7 mask A, to 2h
    num_layers ×  [ ReLU, 1×1 B, 2h → h;  ReLU, 3×3 B;  ReLU, 1×1 B, h → 2h;  + skip ]      Figure 5, left
    2 ×           [ ReLU, 1×1 B, to head_channels ]
    ReLU, 1×1 B, to K logits for each colour; a softmax

Stacked square masks leave a blind spot: pixels above to the right, further right than they are above, are never seen.
It is the paper's, and kept; `gated_pixelcnn.py` is without it.

Table 1's two layers of `head_channels` features are read as standing before that of the logits, not as counting it.

Departure: the paper's PixelCNN is unconditional. Here a condition may add a bias to what the 7×7 and the 3×3
convolutions give, as in the gated one (`picture_condition.py`).
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
from models.drawn.conv import PixelConv, Raster, SquareConv
from models.layers.masked_conv import (
    POINT,
    MaskedConv2d,
    around,
    by_colour,
    colour_of_each,
    masked_points,
    with_channels_last,
)
from models.layers.picture_condition import LayerBias, PictureCondition, plus
from models.layers.picture_field import (
    masked_offsets,
    one_pixel,
    seen_from,
    seen_through_mask_a,
    without_itself,
)


@dataclass(frozen=True)
class PixelCNNConfig:
    """The paper's CIFAR-10 network (Table 1); for MNIST it uses fewer and smaller layers and 32 head channels.

    `hidden` is h: the residual stream has 2h features.
    """

    num_levels: int = 256
    channels: int = 3
    hidden: int = 128
    num_layers: int = 15
    head_channels: int = 1024
    first_kernel: int = 7
    kernel: int = 3
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    name: Literal["pixelcnn"] = "pixelcnn"
    """What tells it from the config of another network, where one of several is asked for."""

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError(f"expected num_layers of 1 or more, got {self.num_layers}")


class ResidualBlock(nn.Module):
    """ReLU 1×1 B, ReLU k×k B, ReLU 1×1 B, added to the stream: [B, 2h, H, W] to the same."""

    def __init__(self, stream: list[int], inside: list[int], kernel: int) -> None:
        super().__init__()
        self.reduce = MaskedConv2d(stream, inside, POINT, "B")
        self.conv = MaskedConv2d(inside, inside, around(kernel), "B")
        self.expand = MaskedConv2d(inside, stream, POINT, "B")

    def forward(self, stream: Tensor, bias: LayerBias) -> Tensor:  # noqa: D102
        inside = self.reduce(stream.relu())
        inside = plus(self.conv(inside.relu()), bias)
        return stream + self.expand(inside.relu())  # type: ignore[no-any-return]


class PixelCNN(MapImageModel):
    """Levels [B, C, H, W] to logits [B, C, H, W, K]. A later colour sees the earlier ones of its pixel."""

    def __init__(self, config: PixelCNNConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = Categorical(config.num_levels)
        colours = config.channels
        picture = colour_of_each(colours, colours)
        inside, stream = colour_of_each(config.hidden, colours), colour_of_each(2 * config.hidden, colours)
        head = colour_of_each(config.head_channels, colours)
        logits = colour_of_each(colours * config.num_levels, colours)
        self.first = MaskedConv2d(picture, stream, around(config.first_kernel), "A")
        blocks = nn.ModuleList(ResidualBlock(stream, inside, config.kernel) for _ in range(config.num_layers))
        self.blocks = cast(Sequence[ResidualBlock], blocks)
        self.head = masked_points(stream, head, head, logits)
        self.condition = PictureCondition(config.condition, [len(stream)] + [len(inside)] * config.num_layers)

    def encode(self, x: Tensor) -> Tensor:  # noqa: D102
        return scaled(x, self.config.num_levels).to(self.first.weight.dtype)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:  # noqa: D102
        first_bias, *biases = self.condition(condition, len(inputs), (inputs.shape[2], inputs.shape[3]))
        stream = plus(self.first(with_channels_last(inputs)), first_bias)
        for block, bias in zip(self.blocks, biases, strict=True):
            stream = block(stream, bias)
        for conv in self.head:
            stream = conv(stream.relu())
        return by_colour(stream, self.config.channels)

    def units(self) -> Sequence[nn.Module]:  # noqa: D102
        return self.blocks

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:  # noqa: D102
        of_condition = self.condition.multiplications_per_pixel(shape[1] * shape[2])
        return (
            FLOPS_PER_MULTIPLICATION
            * (num_multiplications(self.first, *self.blocks, *self.head) + of_condition)
            / shape[0]
        )

    def receptive_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        field = seen_through_mask_a(self.conditioned_field(shape, row, column), self.first.reach, shape[0])
        return without_itself(field, row, column)

    def conditioned_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:  # noqa: D102
        field = one_pixel((shape[1], shape[2]), row, column)
        for block in self.blocks:
            field = seen_from(field, masked_offsets(block.conv.reach, centre=True))
        return field

    @torch.no_grad()
    def init_cache(  # noqa: D102
        self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> "DrawnPixelCNN":
        return DrawnPixelCNN(self, batch_size, condition, shape)

    @torch.no_grad()
    def step(  # noqa: D102
        self, x_previous: Tensor | None, cache: "DrawnPixelCNN"
    ) -> tuple[Tensor, "DrawnPixelCNN"]:
        cache.raster.accept(x_previous)
        if x_previous is not None:
            cache.see(self.encode(x_previous))
        return cache.logits(), cache


class DrawnPixelCNN:
    """The cache: each convolution's current row, and what the finished rows add to it."""

    def __init__(self, model: PixelCNN, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> None:
        self.raster = Raster(shape, model.config.channels)
        width, biases = self.raster.width, model.condition(condition, batch_size, self.raster.size)
        self.first = SquareConv(model.first, batch_size, width, biases[0])
        self.blocks = [
            DrawnBlock(block, batch_size, width, bias) for block, bias in zip(model.blocks, biases[1:], strict=True)
        ]
        self.head = [PixelConv(conv, batch_size, width) for conv in model.head]

    def see(self, value: Tensor) -> None:
        """Take the value [B] at the current position and go to the next."""
        raster, column = self.raster, self.raster.column
        self.first.pixel.put(raster.colour, value[:, None])
        raster.move()
        squares = [self.first, *(block.conv for block in self.blocks)]
        if raster.colour == 0:
            for square in squares:
                square.next_pixel(column)
        if raster.colour == 0 and raster.column == 0:
            for square in squares:
                square.next_row()

    def logits(self) -> Tensor:
        """The logits [B, K] at the current position: one colour's features through every layer."""
        colour, column = self.raster.colour, self.raster.column
        stream = self.first.pixel.take(colour, column)
        for block in self.blocks:
            stream = block.add(stream, colour, column)
        for conv in self.head:
            conv.put(colour, stream.relu())
            stream = conv.take(colour)
        return stream


class DrawnBlock:
    """A residual block for one colour of one pixel."""

    def __init__(self, block: ResidualBlock, batch_size: int, width: int, bias: LayerBias) -> None:
        self.reduce = PixelConv(block.reduce, batch_size, width)
        self.conv = SquareConv(block.conv, batch_size, width, bias)
        self.expand = PixelConv(block.expand, batch_size, width)

    def add(self, stream: Tensor, colour: int, column: int) -> Tensor:
        """The stream's features [B, ...] of this colour after the block."""
        self.reduce.put(colour, stream.relu())
        self.conv.pixel.put(colour, self.reduce.take(colour).relu())
        self.expand.put(colour, self.conv.pixel.take(colour, column).relu())
        return stream + self.expand.take(colour)
