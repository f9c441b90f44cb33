"""The shifted convolutions again, computed as a picture is drawn: a stream by rows, or pixel by pixel.

Axes: B batch, C channel (feature), H W.

What sees whole rows is computed when a row begins (`FinishedRows`). What sees the pixels to the left is computed pixel
by pixel (`DrawnPixels`); what the row above adds to it, for the whole row as it begins. The weights are made once, so
the model's must not change while a picture is drawn. A strided one takes every row and pixel, and answers at every
other.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.drawn.conv import FinishedRows, in_whole_vectors
from models.layers.shifted_conv import ShiftedConv2d, TransposedConv2d


def finished_rows(conv: ShiftedConv2d, batch_size: int, width: int) -> FinishedRows:
    """A convolution that reaches as far to the right as to the left, over rows that are given one by one."""
    return FinishedRows(conv.weight(), conv.bias, batch_size, width, conv.stride)


class DrawnPixels:
    """A convolution over the row above and the current one, up to the current pixel: `UP_LEFT`, or its right half.

    `pixels` are those of the current row up to the current pixel, and those of the row above from there on.
    """

    def __init__(self, conv: ShiftedConv2d, batch_size: int, width: int) -> None:
        weight = conv.weight()
        self.above, self.bias, self.stride = weight[:, :, :1].contiguous(), conv.bias, conv.stride
        self.current = DrawnPoint(weight[:, :, 1].movedim(1, 2), conv.bias)  # the pixel to the left, then this one
        self.num_seen = conv.reach.left + 1
        self.pixels = weight.new_zeros(batch_size, conv.reach.left + width, weight.shape[1])  # zeros to the left

    def row_above(self) -> Tensor:
        """What the row above adds to the one that begins, with the bias: [B, C_out, W / stride]."""
        return F.conv2d(self.pixels.movedim(2, 1)[:, :, None], self.above, self.bias, (1, self.stride))[:, :, 0]

    def start_row(self, offset: Tensor) -> None:
        """Begin a row to which `offset` [B, C_out, W / stride] is added: the row above, and what comes beside it."""
        self.offsets = in_whole_vectors(offset.permute(2, 0, 1))

    def keep(self, column: int, features: Tensor) -> None:
        """Take the next pixel, [B, C_in]."""
        self.pixels[:, self.num_seen - 1 + column] = features

    def push(self, column: int, features: Tensor) -> Tensor:
        """Take the next pixel [B, C_in] and give the convolution [B, C_out] that ends with it."""
        self.keep(column, features)
        seen = self.pixels[:, column : column + self.num_seen].flatten(1)
        return self.current(seen, self.offsets[column // self.stride])


class DrawnPoint:
    """A product for one pixel, [B, C_in] to [B, C_out]; `weight` is [C_out, ...], all of the rest being C_in."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.num_out = len(weight)
        self.weight, self.bias = in_whole_vectors(weight.flatten(1).T), in_whole_vectors(bias)

    def __call__(self, features: Tensor, offset: Tensor | None = None) -> Tensor:
        """`offset` [B, C_out and zeros up to whole vectors] stands in for the bias."""
        return torch.addmm(self.bias if offset is None else offset, features, self.weight)[:, : self.num_out]


class DrawnGrowth:
    """A transposed convolution: two rows of pixels, [B, C_out, 2, W], that grow from a row of cells."""

    def __init__(self, conv: TransposedConv2d, batch_size: int, width: int) -> None:
        self.convolve, self.weight, self.bias = conv.convolve, conv.weight(), conv.bias
        self.pixels = self.weight.new_zeros(batch_size, len(self.weight), 2, width)

    def take(self, column: int, cells: Tensor) -> None:
        """Take cells [B, C_in, n], of which the first stands at `column`."""
        grown = self.convolve(cells[:, :, None], self.weight, self.bias)
        self.pixels[:, :, :, column : column + grown.shape[3]] = grown
