"""PixelCNN for the kernels: its masked squares cut into blocks, and the memory of B lanes.

Axes: B lane, C colour, W column.
"""

import torch
from torch import Tensor

from models.layers.masked_conv import MaskedConv2d
from models.native.colour_blocks import ColourBlocks, Kernel, buffer_width, filled_groups, groups_of
from models.native.packing import padded, panels
from models.native.picture_structs import BiasesStruct, BlockStruct, SquarePicturesStruct, SquareStruct
from models.native.pictures import BiasSlot, NativePictures, PictureHead, PictureSize
from models.native.structs import address
from models.pixelcnn import PixelCNN, ResidualBlock


class NativeSquare:
    """A masked square convolution: rows above in one product, the current row colour by colour."""

    def __init__(self, conv: MaskedConv2d, kernel: Kernel, size: PictureSize, *, is_conditioned: bool) -> None:
        library, self.groups = kernel.library, groups_of(conv.colours_out, kernel.library)
        inputs = groups_of(conv.colours_in, library)
        is_picture = len(conv.colours_in) == len(inputs)  # a value for each colour, put in one by one
        width = kernel.even(len(inputs)) if is_picture else buffer_width(inputs, library)
        rows = size.columns * size.num_lanes if is_conditioned else 1
        self.above = panels(self.weights_above(conv, width), library, kernel.dtype)
        self.own_bias = self.in_order(conv.bias.detach())
        self.bias = self.own_bias.repeat(rows, 1)
        side = conv.reach.left
        self.map = torch.zeros(conv.reach.up + 1, size.columns + 2 * side, size.num_lanes, width, dtype=kernel.dtype)
        self.offsets = torch.zeros(size.columns * size.num_lanes, self.bias.shape[1])
        self.here = ColourBlocks(kernel, width).plain(conv, self.groups)
        self.struct = SquareStruct(
            address(self.above),
            address(self.map),
            conv.reach.up + 1,
            side,
            width,
            self.offsets.shape[1],
            BiasesStruct(address(self.bias), self.bias.shape[1] if is_conditioned else 0),
            address(self.offsets),
            self.here.array(),
        )

    def in_order(self, x: Tensor) -> Tensor:
        """[..., features] as the offsets have it."""
        return filled_groups(x, self.groups)

    def weights_above(self, conv: MaskedConv2d, width: int) -> Tensor:
        """Rows, columns, features of what lies above, one after another; no mask is there."""
        weight = conv.weight.detach()[:, :, :-1].permute(2, 3, 1, 0)  # [rows, columns, in, out]
        return self.in_order(padded(weight, 2, width).flatten(0, 2))

    @property
    def bias_slot(self) -> BiasSlot:
        """Where its condition is added."""
        return BiasSlot(self.bias, self.own_bias, self.in_order, is_above=False)


class NativeBlock:
    """A residual block; `stream_width` is that of the stream's features side by side."""

    def __init__(
        self, block: ResidualBlock, kernel: Kernel, size: PictureSize, stream_width: int, *, is_conditioned: bool
    ) -> None:
        library = kernel.library
        inside, stream = (groups_of(conv.colours_out, library) for conv in (block.reduce, block.expand))
        inside_width = buffer_width(inside, library)
        self.conv = NativeSquare(block.conv, kernel, size, is_conditioned=is_conditioned)
        self.stream = torch.zeros(size.num_lanes, stream_width, dtype=kernel.dtype)
        self.inside = torch.zeros(size.num_lanes, inside_width, dtype=kernel.dtype)
        self.reduce = ColourBlocks(kernel, stream_width).plain(block.reduce, inside)
        self.expand = ColourBlocks(kernel, inside_width).plain(block.expand, stream)
        buffers = address(self.stream), address(self.inside)
        self.struct = BlockStruct(self.conv.struct, *buffers, inside_width, self.reduce.array(), self.expand.array())


class NativePixelCNN(NativePictures):
    """The network of a model."""

    name = "square"

    def __init__(self, model: PixelCNN, size: PictureSize, kernel: Kernel) -> None:
        config, conditioned = model.config, not model.config.condition.is_empty
        super().__init__(PictureHead(model.head, size, kernel), kernel, config.channels, config.num_levels)
        self.first = NativeSquare(model.first, kernel, size, is_conditioned=conditioned)
        stream_width = buffer_width(self.first.groups, kernel.library)
        self.blocks = [
            NativeBlock(block, kernel, size, stream_width, is_conditioned=conditioned) for block in model.blocks
        ]
        self.squares = [self.first, *(block.conv for block in self.blocks)]
        self.bias_slots = [square.bias_slot for square in self.squares]
        self.stream = torch.zeros(size.num_lanes, stream_width)
        self.block_structs = (BlockStruct * len(self.blocks))(*(block.struct for block in self.blocks))
        common = self.head.struct(config.channels, config.num_levels)
        self.struct = SquarePicturesStruct(
            common, self.first.struct, self.block_structs, len(self.blocks), stream_width, address(self.stream)
        )

    @property
    def maps(self) -> list[Tensor]:  # noqa: D102
        return [square.map for square in self.squares]

    @property
    def offsets(self) -> list[Tensor]:  # noqa: D102
        return [square.offsets for square in self.squares]

    def begin(self) -> None:  # noqa: D102
        for square in self.squares:
            square.offsets.copy_(square.bias.expand_as(square.offsets))
