"""The features of Gated PixelCNN by the kernels: its weights packed, and the memory of B lanes.

Axes: B lane, C colour, W column, H features of a layer, L layers.
"""

import torch
from torch import Tensor

from models.conditioning import Condition
from models.gated_pixelcnn import GatedPixelCNN
from models.sampling.gpu.launching import COMPILING, LANES_PER_PROGRAM, num_tiles
from models.sampling.gpu.picture_biases import RowBias
from models.sampling.gpu.picture_packing import (
    Cells,
    Rows,
    colour_weights,
    filled,
    groups_of,
    picture_depth,
    widest,
)
from models.sampling.gpu.picture_rows import Raster, RowsGate, RowsProduct


class GatedFeatures:
    """`stream` [B, H] float32 gets the features of a colour; `picture` are the cells that levels are put into."""

    def __init__(self, model: GatedPixelCNN, condition: Condition | None, raster: Raster, dtype: torch.dtype) -> None:
        self.raster, self.model, self.half = raster, model, model.config.hidden
        self.layers = model.layers
        self.groups = groups_of(model.layers[0].output.colours_out)
        self.depth, self.tile = picture_depth(self.half), widest(self.groups)
        self.make_buffers(dtype, model.head[0].bias.device)
        self.make_vertical(model, condition)
        self.out_bias = torch.stack([layer.output.bias.detach().float() for layer in model.layers])

    def make_buffers(self, dtype: torch.dtype, device: torch.device) -> None:
        """Weights of the horizontal stack, for each colour, and what it writes."""
        raster, num_layers = self.raster, len(self.layers)
        across = [self.across_of(colour) for colour in range(raster.colours)]
        rings = [self.row_of(number) for number in range(num_layers)]
        self.cells = Cells(rings, raster.num_lanes, dtype, across[0])
        self.across = [torch.cat(blocks).to(dtype) for blocks in across]
        self.out = [
            torch.stack([colour_weights(layer.output, colour, self.depth) for layer in self.layers]).to(dtype)
            for colour in range(raster.colours)
        ]
        self.gated = torch.zeros(num_layers, raster.num_lanes, self.half, dtype=dtype, device=device)
        self.offsets = torch.zeros(num_layers, raster.num_pixels, 2 * self.half, device=device)
        self.stream = torch.zeros(raster.num_lanes, self.half, device=device)
        self.above = torch.zeros(raster.num_pixels, 2 * self.half, dtype=dtype, device=device)

    def across_of(self, colour: int) -> list[Tensor]:
        """The horizontal convolutions' blocks; the first one's, which sees no colour of its own, has zeros for it."""
        blocks = [colour_weights(layer.horizontal, colour, self.depth, halves=2) for layer in self.layers]
        return [filled(blocks[0], 0, len(blocks[0]) + self.tile), *blocks[1:]]

    def row_of(self, number: int) -> Rows:
        """The pixels that a layer of the horizontal stack looks at; the first one looks at the picture."""
        layer, columns = self.layers[number], self.raster.columns
        left = layer.horizontal.reach.left
        if number == 0:
            return Rows(layer.vertical.reach.up + 1, columns + 2 * left, left, self.raster.colours)
        return Rows(1, columns + left, left, self.half)

    def make_vertical(self, model: GatedPixelCNN, condition: Condition | None) -> None:
        """The vertical stack, layer by layer, and what is handed over."""
        raster, dtype = self.raster, self.above.dtype
        biases = model.biases(condition, raster.num_lanes, (raster.height, raster.columns))
        self.maps = [self.cells.parts[0]]
        self.vertical: list[RowsGate] = []
        self.down: list[RowsProduct] = []
        for layer, (vertical, horizontal), offsets in zip(model.layers, biases, self.offsets, strict=True):
            conv, slots, side = layer.vertical.conv, layer.vertical.reach.up + 1, layer.vertical.reach.left
            assert conv.bias is not None
            if self.vertical:
                size = slots * (raster.columns + 2 * side) * raster.num_lanes * self.half
                self.maps.append(self.above.new_zeros(size))
                self.vertical[-1].hand_to(self.maps[-1], slots, side)
            above = RowBias(conv.bias, vertical, raster.columns)
            self.vertical.append(RowsGate(conv.weight, above, slots, self.above))
            below = RowBias(layer.horizontal.bias, horizontal, raster.columns)
            self.down.append(RowsProduct(layer.down.weight, below, 1, dtype, offsets))

    @property
    def picture(self) -> tuple[Tensor, int, int]:
        """The cells that a level is put into, their slots and borders."""
        return self.maps[0], self.vertical[0].slots, self.vertical[0].side

    def begin(self, condition: Condition | None) -> None:
        """The next pictures, conditioned in the same way."""
        size = self.raster.height, self.raster.columns
        biases = self.model.biases(condition, self.raster.num_lanes, size)
        for vertical, down, (above, below) in zip(self.vertical, self.down, biases, strict=True):
            vertical.bias.begin(above)
            down.bias.begin(below)

    def enter_row(self, row: int) -> None:
        """Write the biases of a row that begins, and those of the one above it."""
        for vertical, down in zip(self.vertical, self.down, strict=True):
            vertical.bias.enter(row - 1)
            down.bias.enter(row)

    def run_row(self) -> None:
        """What the rows above add to the one that begins."""
        for vertical, down, cells in zip(self.vertical, self.down, self.maps, strict=True):
            vertical(cells, self.raster)
            down(self.above, self.raster)

    def run(self, colour: int) -> None:
        """The features of a colour at the position."""
        from models.sampling.gpu import pixel_kernels

        raster, group = self.raster, self.groups[colour]
        pixel_kernels.gated_pixel[(num_tiles(raster.num_lanes),)](
            self.cells.value,
            self.gated,
            self.offsets,
            self.stream,
            raster.position,
            self.cells.plan,
            self.across[colour],
            self.out[colour],
            self.out_bias,
            raster.num_lanes,
            raster.columns,
            len(self.layers),
            *group,
            self.half,
            COLOUR=colour,
            COLOURS=raster.colours,
            LANES=LANES_PER_PROGRAM,
            W_G=self.tile,
            DEPTH=self.depth,
            WIDEN=pixel_kernels.INTERPRETED,
            **COMPILING,
        )
