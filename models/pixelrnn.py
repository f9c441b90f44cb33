"""PixelRNN: deep recurrent networks over a picture (van den Oord, Kalchbrenner, Kavukcuoglu 2016a).

Axes: B batch, C channel (colour), H W, K levels.

    7×7 mask A, to 2h
    num_layers ×  [ LSTM, 2h → h;  1×1 B, h → 2h;  + the layer's input ]      Figure 5, right
    2 ×           [ ReLU, 1×1 B, to head_channels ]
    ReLU, 1×1 B, to K logits for each colour; a softmax

The LSTM is a Row LSTM or a Diagonal BiLSTM, and stands with equation 3 and sections 3.1 and 3.2 in `picture_lstm.py`.

Mask A keeps the last colour of a row's last pixel out of every feature of that row; in the row below, only the pixels
whose first convolution reaches it see it. But for that one value, Diagonal BiLSTMs see everything before, as the paper
says. Row LSTMs see a triangle.

The head is that of `pixelcnn.py`: two 1×1 layers of `head_channels` features, then one of the logits.

Departures: on MNIST the paper ends in a sigmoid, here it is a softmax of two levels, the same family. A condition may
add a bias to the first convolution and to each layer's input-to-state (`picture_condition.py`); of a map that is the
unmasked 1×1 convolution of §3.6.
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
from models.drawn.lstm import DrawnDiagonalBiLSTM, DrawnRowLSTM
from models.layers.masked_conv import POINT, MaskedConv2d, around, by_colour, colour_of_each, masked_points
from models.layers.picture_condition import LayerBias, PictureCondition, plus
from models.layers.picture_field import one_pixel, seen_through_mask_a, without_itself
from models.layers.picture_lstm import DiagonalBiLSTM, RowLSTM


@dataclass(frozen=True)
class PixelRNNConfig:
    """The paper's best network for CIFAR-10 (Table 1); for MNIST it has 7 layers, h = 16 and 32 head channels.

    `hidden` is h: the stream has 2h features where the layers are residual, and h where each feeds the next.
    `skip` adds a 1×1 convolution of every layer's features to what the head reads. `row_kernel` is the Row LSTM's,
    input-to-state and state-to-state alike; the diagonal's are 1×1 and 2×1: larger ones would show it nothing more.
    """

    num_levels: int = 256
    channels: int = 3
    recurrence: Literal["row_lstm", "diagonal_bilstm"] = "diagonal_bilstm"
    hidden: int = 128
    num_layers: int = 12
    head_channels: int = 1024
    first_kernel: int = 7
    row_kernel: int = 3
    residual: bool = True
    skip: bool = False
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    name: Literal["pixelrnn"] = "pixelrnn"
    """What tells it from the config of another network, where one of several is asked for."""

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError(f"expected num_layers of 1 or more, got {self.num_layers}")


class Block(nn.Module):
    """§3.3: a layer and the ways out of it: [B, stream, H, W] to the same, and what it adds to what the head reads."""

    def __init__(self, config: PixelRNNConfig, stream: list[int], hidden: list[int]) -> None:
        super().__init__()
        is_row = config.recurrence == "row_lstm"
        self.lstm = RowLSTM(stream, hidden, config.row_kernel) if is_row else DiagonalBiLSTM(stream, hidden)
        self.expand = MaskedConv2d(hidden, stream, POINT, "B") if config.residual else None
        self.skip = MaskedConv2d(hidden, stream, POINT, "B") if config.skip else None

    def forward(self, stream: Tensor, bias: LayerBias) -> tuple[Tensor, list[Tensor]]:  # noqa: D102
        h = self.lstm(stream, bias)
        onward = h if self.expand is None else stream + self.expand(h)
        return onward, [] if self.skip is None else [self.skip(h)]


class PixelRNN(MapImageModel):
    """Levels [B, C, H, W] to logits [B, C, H, W, K]. A later colour sees the earlier ones of its pixel."""

    def __init__(self, config: PixelRNNConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = Categorical(config.num_levels)
        colours = config.channels
        picture, hidden = colour_of_each(colours, colours), colour_of_each(config.hidden, colours)
        stream = colour_of_each(2 * config.hidden, colours) if config.residual else hidden
        head = colour_of_each(config.head_channels, colours)
        logits = colour_of_each(colours * config.num_levels, colours)
        self.first = MaskedConv2d(picture, stream, around(config.first_kernel), "A")
        blocks = nn.ModuleList(Block(config, stream, hidden) for _ in range(config.num_layers))
        self.blocks = cast(Sequence[Block], blocks)
        self.head = masked_points(stream, head, head, logits)
        gates = [len(block.lstm.input_to_state.colours_out) for block in self.blocks]
        self.condition = PictureCondition(config.condition, [len(stream), *gates])

    def encode(self, x: Tensor) -> Tensor:  # noqa: D102
        return scaled(x, self.config.num_levels).to(self.first.weight.dtype)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:  # noqa: D102
        first_bias, *biases = self.condition(condition, len(inputs), (inputs.shape[2], inputs.shape[3]))
        stream, skips = plus(self.first(inputs), first_bias), []
        for block, bias in zip(self.blocks, biases, strict=True):
            stream, skip = block(stream, bias)
            skips += skip
        stream = sum(skips, stream)
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
            field = block.lstm.seen(field)
        return field

    @torch.no_grad()
    def init_cache(  # noqa: D102
        self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]
    ) -> "DrawnPixelRNN":
        return DrawnPixelRNN(self, batch_size, condition, shape)

    @torch.no_grad()
    def step(  # noqa: D102
        self, x_previous: Tensor | None, cache: "DrawnPixelRNN"
    ) -> tuple[Tensor, "DrawnPixelRNN"]:
        cache.raster.accept(x_previous)
        if x_previous is not None:
            cache.see(self.encode(x_previous))
        return cache.logits(), cache


class DrawnPixelRNN:
    """The cache: each convolution's current row, each layer's states, and what finished rows add to the current one."""

    def __init__(self, model: PixelRNN, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> None:
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
        if raster.colour == 0:
            self.first.next_pixel(column)
            for block in self.blocks:
                block.lstm.gates.next_pixel()
        if raster.colour == 0 and raster.column == 0:
            self.first.next_row()
            for block in self.blocks:
                block.lstm.next_row()

    def logits(self) -> Tensor:
        """The logits [B, K] at the current position: one colour's features through every layer."""
        colour, column = self.raster.colour, self.raster.column
        stream, skips = self.first.pixel.take(colour, column), []
        for block in self.blocks:
            stream, skip = block.across(stream, colour, column)
            skips += skip
        stream = sum(skips, stream)
        for conv in self.head:
            stream = conv.through(colour, stream.relu())
        return stream


class DrawnBlock:
    """A block for one colour of one pixel."""

    def __init__(self, block: Block, batch_size: int, width: int, bias: LayerBias) -> None:
        layer = block.lstm
        self.lstm: DrawnRowLSTM | DrawnDiagonalBiLSTM = (
            DrawnRowLSTM(layer, batch_size, width, bias)
            if isinstance(layer, RowLSTM)
            else DrawnDiagonalBiLSTM(layer, batch_size, width, bias)
        )
        self.expand = PixelConv(block.expand, batch_size, width) if block.expand else None
        self.skip = PixelConv(block.skip, batch_size, width) if block.skip else None

    def across(self, stream: Tensor, colour: int, column: int) -> tuple[Tensor, list[Tensor]]:
        """The stream's features [B, ...] of this colour after the block, and what it adds to what the head reads."""
        h = self.lstm.features(stream, colour, column)
        onward = stream + self.expand.through(colour, h) if self.expand else h
        return onward, [self.skip.through(colour, h)] if self.skip else []
