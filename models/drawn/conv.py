"""The masked convolutions again, computed for one colour of one pixel at a time, as a picture is drawn.

Axes: B batch, C channel, H W.

The features of colour c at a pixel depend, at every layer, on what is drawn before colour c of that pixel: the first
layer's mask A hides colour c itself, and mask B lets a feature see those of its own colour and of the ones before it.
So the pass that draws colour c can compute the features of colour c, and needs no others: those of earlier colours were
final when their own pass computed them, those of later ones are hidden from it. After the last colour's pass every
feature of the pixel is final, and each has been computed once.

Nor does a pass multiply by a mask. The input's features stand in the order of their colours, so that what colour c sees
is a prefix of (pixels to the left, current pixel), and its weights a dense block cut out once.

Rows above are finished: what they add to a row is computed for the whole row as it begins.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.layers.masked_conv import MaskedConv2d
from models.layers.picture_condition import LayerBias, plus_row

WHOLE_VECTORS = 16
"""A product of few columns, no multiple of 8 or 16, rounds a row by where it stands among the others. Colours make such
products (32 features of 3 colours are 11, 11 and 10), so columns of zeros fill them up: an item's bits are its own."""


def in_whole_vectors(x: Tensor) -> Tensor:
    """Zeros after the last axis, up to whole vectors."""
    return F.pad(x, (0, -x.shape[-1] % WHOLE_VECTORS)).contiguous()


class Raster:
    """The position being drawn: row, column, colour, the colour fastest."""

    def __init__(self, shape: tuple[int, ...], num_colours: int) -> None:
        if len(shape) != 3 or shape[0] != num_colours or min(shape) < 1:
            raise ValueError(f"expected a shape ({num_colours}, height, width), got {shape}")
        self.num_colours, self.height, self.width = shape
        self.number = 0
        self.begun = False

    @property
    def colour(self) -> int:  # noqa: D102
        return self.number % self.num_colours

    @property
    def column(self) -> int:  # noqa: D102
        return self.number // self.num_colours % self.width

    @property
    def size(self) -> tuple[int, int]:
        """The picture's height and width."""
        return self.height, self.width

    @property
    def row(self) -> int:  # noqa: D102
        return self.number // (self.num_colours * self.width)

    def accept(self, level: Tensor | None) -> None:
        """ValueError unless the level just drawn is given, and at the first step none."""
        if (level is None) == self.begun:
            raise ValueError("expected no level at the first step and the level just drawn at every later one")
        self.begun = True

    def move(self) -> None:
        """Go to the next position; ValueError when the picture is complete."""
        self.number += 1
        if self.number == self.num_colours * self.height * self.width:
            raise ValueError(f"all {self.number} positions are drawn: start the next pictures with init_cache")


class PixelConv:
    """The current row of a masked convolution, one colour of one pixel at a time.

    `put` the input features of a colour, then `take` the output features of that colour. The model's weights must not
    change while a picture is drawn.
    """

    def __init__(self, conv: MaskedConv2d, batch_size: int, width: int) -> None:
        taps = conv.reach.left + 1
        self.num_in = len(conv.colours_in)
        row = conv.masked_weight()[:, :, -1, :taps].permute(2, 1, 0).flatten(0, 1)  # [taps · C_in, C_out]
        self.inputs = row.new_zeros(batch_size, taps * self.num_in)  # the centre pixel last
        self.places = [self._place(conv, colour) for colour in sorted(set(conv.colours_in))]
        self.columns = [_indices(conv, colour) for colour in sorted(set(conv.colours_out))]
        self.weights = [
            in_whole_vectors(row[: self._num_seen(conv, c), columns]) for c, columns in enumerate(self.columns)
        ]
        self.offsets = [
            in_whole_vectors(conv.bias[columns]).expand(width, 1, -1) for columns in self.columns
        ]  # [W, 1 or B, ...]

    def _place(self, conv: MaskedConv2d, colour: int) -> slice:
        """Where the features of a colour stand at the centre pixel."""
        start = conv.reach.left * self.num_in + sum(c < colour for c in conv.colours_in)
        return slice(start, start + conv.colours_in.count(colour))

    def _num_seen(self, conv: MaskedConv2d, colour: int) -> int:
        """How many of the inputs a colour sees: all pixels to the left, and a prefix of the centre pixel."""
        place = self.places[colour]
        return int(place.start if conv.mask_type == "A" else place.stop)

    def start_row(self, offset: Tensor) -> None:
        """Begin a row to which `offset` [B, C_out, W] is added: the rows above, the condition, the bias."""
        self.inputs.zero_()
        self.offsets = [in_whole_vectors(offset[:, columns].permute(2, 0, 1)) for columns in self.columns]

    def next_pixel(self) -> None:
        """Move the pixels one to the left; the new centre is filled by `put`."""
        if self.inputs.shape[1] > self.num_in:
            self.inputs[:, : -self.num_in] = self.inputs[:, self.num_in :].clone()

    def centre(self) -> Tensor:
        """The input features of the current pixel, [B, C_in]."""
        return self.inputs[:, -self.num_in :]

    def put(self, colour: int, features: Tensor) -> None:
        """Set the input features [B, ...] of a colour at the current pixel."""
        self.inputs[:, self.places[colour]] = features

    def take(self, colour: int, column: int = 0) -> Tensor:
        """The output features [B, ...] of a colour at the current pixel."""
        weight = self.weights[colour]
        filled = torch.addmm(self.offsets[colour][column], self.inputs[:, : len(weight)], weight)
        return filled[:, : len(self.columns[colour])]

    def through(self, colour: int, features: Tensor, column: int = 0) -> Tensor:
        """`put`, then `take`."""
        self.put(colour, features)
        return self.take(colour, column)


def _indices(conv: MaskedConv2d, colour: int) -> Tensor:
    """Which of the output features are this colour's."""
    indices = [index for index, owner in enumerate(conv.colours_out) if owner == colour]
    return torch.tensor(indices, device=conv.weight.device)


class FinishedRows:
    """An unmasked convolution down a map whose rows are given one by one, as they are finished.

    `weight` is [C_out, C_in, rows, columns], over the last `rows` rows; zeros stand above the first and as far to
    either side as an odd number of columns reaches. A strided one takes every row, and is asked at every other.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, batch_size: int, width: int, stride: int = 1) -> None:
        self.weight, self.bias, self.stride = weight, bias, stride
        _, features, rows, columns = weight.shape
        self.side = columns // 2
        self.window = weight.new_zeros(batch_size, features, rows, width + 2 * self.side)

    def keep(self, row: Tensor) -> None:
        """Take the next row [B, C_in, W]."""
        row = F.pad(row, (self.side, self.side))[:, :, None]
        self.window = torch.cat([self.window[:, :, 1:], row], dim=2)

    def push(self, row: Tensor) -> Tensor:
        """Take the next row [B, C_in, W] and give the convolution [B, C_out, W / stride] over it and the ones above."""
        self.keep(row)
        return F.conv2d(self.window, self.weight, self.bias, self.stride)[:, :, 0]


class SquareConv:
    """A masked k×k convolution as it is drawn: the rows above once per row, the current row colour by colour.

    `bias` is what the condition adds.
    """

    def __init__(self, conv: MaskedConv2d, batch_size: int, width: int, bias: LayerBias) -> None:
        self.pixel = PixelConv(conv, batch_size, width)
        self.above = FinishedRows(conv.weight[:, :, :-1], conv.bias, batch_size, width)
        self.bias = bias
        self.row = conv.weight.new_zeros(batch_size, len(conv.colours_in), width)
        self.number = -1
        self.next_row()  # a row of zeros above the first

    def next_pixel(self, column: int) -> None:
        """Keep the finished pixel for the rows below, and move on."""
        self.row[:, :, column] = self.pixel.centre()
        self.pixel.next_pixel()

    def next_row(self) -> None:
        """Begin a row below the one that is finished."""
        self.number += 1
        self.pixel.start_row(plus_row(self.above.push(self.row), self.bias, self.number))
