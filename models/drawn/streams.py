"""The two streams of PixelCNN++ as a picture is drawn: u by rows, ul pixel by pixel, each feature computed once.

Axes: B batch, C channel (feature), H W.

What u is in a row depends on the rows above: it is computed for the whole row as the row begins, in every layer, with
what ul takes from it there. ul is computed as each pixel is reached. At half the size a row begins with every other
row, and a cell (R, C) is reached with pixel (2R, 2C): it sees nothing that is drawn later. What grows from it is kept
for its four pixels.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.drawn.conv import FinishedRows
from models.drawn.shifted import DrawnGrowth, DrawnPixels, DrawnPoint, finished_rows
from models.layers.gated_resnet import GatedResnet, concat_elu
from models.layers.picture_condition import LayerBias, plus_row


class DrawnLevel:
    """All that happens at one resolution and, within it, at the smaller ones."""

    def __init__(
        self, down: Sequence["DrawnLayer"], smaller: "DrawnSmaller | None", up: Sequence["DrawnLayer"]
    ) -> None:
        self.down, self.smaller, self.up = down, smaller, up

    def row(self, number: int, u: Tensor) -> Tensor:
        """Begin a row, of which u [B, filters, W] is known; gives u after the level."""
        kept = [u]
        for layer in self.down:
            kept.append(layer.row(number, kept[-1], None))
        u = self.smaller.row(number, kept[-1]) if self.smaller is not None else kept.pop()
        for layer in self.up:
            u = layer.row(number, u, kept.pop())
        return u

    def pixel(self, row: int, column: int, ul: Tensor) -> Tensor:
        """Compute a pixel of the row, of which ul [B, filters] is known; gives ul after the level."""
        kept = [ul]
        for layer in self.down:
            kept.append(layer.pixel(column, kept[-1], None))
        ul = self.smaller.pixel(row, column, kept[-1]) if self.smaller is not None else kept.pop()
        for layer in self.up:
            ul = layer.pixel(column, ul, kept.pop())
        return ul


class DrawnSmaller:
    """A level of half the height and width, between strided and transposed convolutions of u and of ul."""

    def __init__(
        self, shrink: tuple[FinishedRows, DrawnPixels], level: DrawnLevel, grow: tuple[DrawnGrowth, DrawnGrowth]
    ) -> None:
        self.shrink_u, self.shrink_ul = shrink
        self.level = level
        self.grow_u, self.grow_ul = grow

    def row(self, number: int, u: Tensor) -> Tensor:
        """As of a level."""
        if number % 2 == 0:
            self.shrink_ul.start_row(self.shrink_ul.row_above())
            self.grow_u.take(0, self.level.row(number // 2, self.shrink_u.push(u)))
        else:
            self.shrink_u.keep(u)
        return self.grow_u.pixels[:, :, number % 2]

    def pixel(self, row: int, column: int, ul: Tensor) -> Tensor:
        """As of a level."""
        if row % 2 == 0 and column % 2 == 0:
            cell = self.level.pixel(row // 2, column // 2, self.shrink_ul.push(column, ul))
            self.grow_ul.take(column, cell[:, :, None])
        else:
            self.shrink_ul.keep(column, ul)
        return self.grow_ul.pixels[:, :, row % 2, column]


class DrawnLayer:
    """A layer: u for a row at once, with what it gives ul; then ul pixel by pixel."""

    def __init__(
        self, u: GatedResnet, ul: GatedResnet, batch_size: int, width: int, biases: Iterator[LayerBias]
    ) -> None:
        assert ul.beside is not None
        self.u_first, self.u_second = (finished_rows(conv, batch_size, width) for conv in (u.first, u.second))
        self.ul_first, self.ul_second = (DrawnPixels(conv, batch_size, width) for conv in (ul.first, ul.second))
        self.u_beside = finished_rows(u.beside, batch_size, width) if u.beside is not None else None
        from_u, from_shortcut = ul.beside.weight().tensor_split([2 * len(ul.beside.bias)], 1)
        self.from_u, self.from_u_bias = from_u[:, :, 0], ul.beside.bias
        self.from_shortcut = DrawnPoint(from_shortcut, torch.zeros_like(ul.beside.bias))
        self.u_bias, self.ul_bias = next(biases), next(biases)

    def row(self, number: int, u: Tensor, shortcut: Tensor | None) -> Tensor:
        """Begin a row: u after the layer."""
        inside = self.u_first.push(concat_elu(u))
        if self.u_beside is not None and shortcut is not None:
            inside = inside + self.u_beside.push(concat_elu(shortcut))
        u = u + F.glu(plus_row(self.u_second.push(concat_elu(inside)), self.u_bias, number), 1)
        beside = F.conv1d(concat_elu(u), self.from_u, self.from_u_bias)
        self.ul_first.start_row(self.ul_first.row_above() + beside)
        self.ul_second.start_row(plus_row(self.ul_second.row_above(), self.ul_bias, number))
        return u

    def pixel(self, column: int, ul: Tensor, shortcut: Tensor | None) -> Tensor:
        """What ul is after the layer, at a pixel."""
        inside = self.ul_first.push(column, concat_elu(ul))
        if shortcut is not None:
            inside = inside + self.from_shortcut(concat_elu(shortcut))
        return ul + F.glu(self.ul_second.push(column, concat_elu(inside)), 1)
