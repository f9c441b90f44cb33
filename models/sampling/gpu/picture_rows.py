"""Convolutions over finished rows, launched.

Axes: B lane, W column.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.sampling.gpu.launching import COMPILING, load_picture_kernels, num_tiles
from models.sampling.gpu.picture_biases import RowBias
from models.sampling.gpu.picture_packing import picture_depth, rows_weights

PIXELS_PER_PROGRAM = 64
"""The tile of pixels."""


@dataclass(frozen=True)
class Raster:
    """What kernels must know of the pictures that are drawn side by side; `position` [1] lies on the device."""

    num_lanes: int
    height: int
    columns: int
    colours: int
    position: Tensor

    @property
    def num_pixels(self) -> int:
        """Of a row, in all lanes."""
        return self.num_lanes * self.columns


class RowsProduct:
    """A convolution [N, C_in, rows, columns] over the last rows of a ring of `slots`, written to `out` [W·B, N]."""

    def __init__(self, weight: Tensor, bias: RowBias, slots: int, dtype: torch.dtype, out: Tensor) -> None:
        self.num_out, self.width, self.num_rows, kernel = weight.shape
        self.side, self.slots, self.bias, self.out = kernel // 2, slots, bias, out
        self.depth, self.columns = picture_depth(self.width), picture_depth(self.num_out)
        self.weight = rows_weights(weight, self.depth, self.columns).to(dtype)

    def __call__(self, cells: Tensor, raster: Raster) -> None:
        """For the row that begins at the position."""
        kernels = load_picture_kernels()
        tiles = num_tiles(raster.num_pixels, PIXELS_PER_PROGRAM), self.weight.shape[1] // self.columns
        kernels.finished_rows[tiles](
            cells,
            raster.position,
            self.weight,
            self.bias.value,
            self.out,
            raster.num_lanes,
            raster.columns,
            raster.colours,
            self.num_rows,
            self.slots,
            self.side,
            self.width,
            self.num_out,
            self.weight.shape[1],
            *self.bias.strides,
            PIXELS=PIXELS_PER_PROGRAM,
            DEPTH=self.depth,
            COLUMNS=self.columns,
            WIDEN=kernels.INTERPRETED,
            **COMPILING,
        )


class RowsGate:
    """The vertical stack's convolution [2H, C_in, rows, columns]: `above` [W·B, 2H], and past the gate the next layer.

    `following` are the next layer's cells, in a ring of `next_slots` with borders of `next_side`; None after the last.
    """

    def __init__(self, weight: Tensor, bias: RowBias, slots: int, above: Tensor) -> None:
        features, self.width, self.num_rows, kernel = weight.shape
        self.half, self.side, self.slots, self.bias, self.above = features // 2, kernel // 2, slots, bias, above
        self.depth, self.columns = picture_depth(self.width), picture_depth(self.half)
        halves = [rows_weights(part, self.depth, self.columns) for part in weight.chunk(2)]
        self.weight = torch.cat(halves, 1).to(above.dtype)
        self.following: Tensor | None = None
        self.next_slots = self.next_side = 0

    def hand_to(self, following: Tensor, slots: int, side: int) -> None:
        """Where what is past the gate goes."""
        self.following, self.next_slots, self.next_side = following, slots, side

    def __call__(self, cells: Tensor, raster: Raster) -> None:
        """For the row that ends before the position."""
        kernels, width = load_picture_kernels(), self.weight.shape[1] // 2
        tiles = num_tiles(raster.num_pixels, PIXELS_PER_PROGRAM), width // self.columns
        kernels.finished_gates[tiles](
            cells,
            raster.position,
            self.weight,
            self.bias.value,
            self.above,
            self.above if self.following is None else self.following,
            raster.num_lanes,
            raster.columns,
            raster.colours,
            self.num_rows,
            self.slots,
            self.side,
            self.width,
            self.half,
            width,
            *self.bias.strides,
            self.next_slots,
            self.next_side,
            HAS_NEXT=self.following is not None,
            PIXELS=PIXELS_PER_PROGRAM,
            DEPTH=self.depth,
            COLUMNS=self.columns,
            WIDEN=kernels.INTERPRETED,
            **COMPILING,
        )
