"""The features of PixelCNN by the kernels: its weights packed, and the memory of B lanes.

Axes: B lane, C colour, W column, S features of the stream, H inside a block, L blocks.
"""

import torch
from torch import Tensor

from models.conditioning import Condition
from models.layers.masked_conv import MaskedConv2d
from models.pixelcnn import PixelCNN
from models.sampling.gpu.launching import COMPILING, LANES_PER_PROGRAM, num_tiles
from models.sampling.gpu.picture_biases import RowBias
from models.sampling.gpu.picture_packing import Cells, Rows, colour_weights, filled, groups_of, picture_depth, widest
from models.sampling.gpu.picture_rows import Raster, RowsProduct


class SquareFeatures:
    """`stream` [B, S] float32 gets the features of a colour; `picture` are the cells that levels are put into."""

    def __init__(self, model: PixelCNN, condition: Condition | None, raster: Raster, dtype: torch.dtype) -> None:
        self.raster, self.model, self.half = raster, model, model.config.hidden
        self.squares = [model.first, *(block.conv for block in model.blocks)]
        self.streams_of, self.groups = groups_of(model.first.colours_out), groups_of(model.blocks[0].conv.colours_out)
        self.depth = picture_depth(2 * self.half)
        self.make_weights(dtype)
        self.make_buffers(dtype, model.first.bias.device)
        biases = model.condition(condition, raster.num_lanes, (raster.height, raster.columns))
        self.above = [
            RowsProduct(conv.weight[:, :, :-1], RowBias(conv.bias, bias, raster.columns), conv.reach.up + 1, dtype, out)
            for conv, bias, out in zip(self.squares, biases, [self.first_offsets, *self.offsets], strict=True)
        ]

    def make_weights(self, dtype: torch.dtype) -> None:
        """Those along the row, for each colour, and the rings."""
        blocks, colours = self.model.blocks, range(self.raster.colours)
        first = [colour_weights(self.model.first, colour, self.depth) for colour in colours]
        zeros_for_itself = len(first[0]) + widest(self.streams_of)  # the first one sees no colour of its own
        here = [self.blocks_of([block.conv for block in blocks], colour) for colour in colours]
        self.first = [filled(one, 0, zeros_for_itself).to(dtype) for one in first]
        self.here = [torch.cat(one).to(dtype) for one in here]
        self.reduce, self.expand = (
            [torch.stack(self.blocks_of(convs, colour)).to(dtype) for colour in colours]
            for convs in ([block.reduce for block in blocks], [block.expand for block in blocks])
        )
        self.cells = Cells(
            [self.ring_of(c) for c in self.squares], self.raster.num_lanes, dtype, [first[0], *here[0]], 1
        )

    def blocks_of(self, convs: list[MaskedConv2d], colour: int) -> list[Tensor]:
        """One of each residual block's convolutions, for a colour."""
        return [colour_weights(conv, colour, self.depth) for conv in convs]

    def ring_of(self, conv: MaskedConv2d) -> Rows:
        """The rows that a square looks at."""
        reach = conv.reach
        return Rows(reach.up + 1, self.raster.columns + 2 * reach.left, reach.left, len(conv.colours_in))

    def make_buffers(self, dtype: torch.dtype, device: torch.device) -> None:
        """What the kernels write."""
        raster, blocks = self.raster, self.model.blocks
        sizes = len(blocks), raster.num_lanes
        self.streams = torch.zeros(*sizes, 2 * self.half, dtype=dtype, device=device)
        self.insides = torch.zeros(*sizes, self.half, dtype=dtype, device=device)
        self.first_offsets = torch.zeros(raster.num_pixels, 2 * self.half, device=device)
        self.offsets = torch.zeros(len(blocks), raster.num_pixels, self.half, device=device)
        self.stream = torch.zeros(raster.num_lanes, 2 * self.half, device=device)
        self.reduce_bias = torch.stack([block.reduce.bias.detach().float() for block in blocks])
        self.expand_bias = torch.stack([block.expand.bias.detach().float() for block in blocks])

    @property
    def picture(self) -> tuple[Tensor, int, int]:
        """The cells that a level is put into, their slots and borders."""
        return self.cells.parts[0], self.above[0].slots, self.above[0].side

    def begin(self, condition: Condition | None) -> None:
        """The next pictures, conditioned in the same way."""
        size = self.raster.height, self.raster.columns
        for square, bias in zip(self.above, self.model.condition(condition, self.raster.num_lanes, size), strict=True):
            square.bias.begin(bias)

    def enter_row(self, row: int) -> None:
        """Write the biases of a row that begins."""
        for square in self.above:
            square.bias.enter(row)

    def run_row(self) -> None:
        """What the rows above add to the one that begins."""
        for square, cells in zip(self.above, self.cells.parts, strict=True):
            square(cells, self.raster)

    def run(self, colour: int) -> None:
        """The features of a colour at the position."""
        from models.sampling.gpu import pixel_kernels

        raster = self.raster
        pixel_kernels.square_pixel[(num_tiles(raster.num_lanes),)](
            self.cells.value,
            self.streams,
            self.insides,
            self.first_offsets,
            self.offsets,
            self.stream,
            raster.position,
            self.cells.plan,
            self.first[colour],
            self.reduce[colour],
            self.here[colour],
            self.expand[colour],
            self.reduce_bias,
            self.expand_bias,
            raster.num_lanes,
            raster.columns,
            len(self.model.blocks),
            *self.streams_of[colour],
            *self.groups[colour],
            2 * self.half,
            self.half,
            COLOUR=colour,
            COLOURS=raster.colours,
            LANES=LANES_PER_PROGRAM,
            W_S=widest(self.streams_of),
            W_G=widest(self.groups),
            DEPTH=self.depth,
            WIDEN=pixel_kernels.INTERPRETED,
            **COMPILING,
        )
