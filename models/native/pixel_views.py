"""The current row of a network of pictures, seen as pictures of one column each: a pixel is drawn by one call.

Axes: B lane, C colour, W column.

The kernels count their random numbers by row and column, `row · columns + column`. A picture whose pixels are numbered
otherwise, as those between the pixels of a smaller one are, is drawn pixel by pixel: in a struct that says that there
is one column, and whose memory begins at the pixel, "row" is the number of the pixel and nothing else. Rows are
finished by the network's own struct, all pixels at once.
"""

from collections.abc import Sequence
from ctypes import Array, Structure, byref, pointer
from functools import cached_property
from math import lcm
from typing import Any, TypeVar

import torch
from torch import Tensor

from models.native.gated_pictures import NativeGatedPixelCNN
from models.native.picture_structs import BlockStruct, GatedLayerStruct, PictureRowStruct, SquareStruct
from models.native.pictures import NativePictures
from models.native.square_pictures import NativePixelCNN, NativeSquare
from models.native.structs import address
from models.native.wavenet import Span

LEVEL_BYTES, NATS_BYTES = 4, 8
"""Of a row's levels, int32, and its nll_nats, float64."""

AnyStruct = TypeVar("AnyStruct", bound=Structure)


def copied(struct: AnyStruct) -> AnyStruct:
    """Another struct that says the same; what it points to is the first one's to keep."""
    return type(struct).from_buffer_copy(struct)


class PixelViews:
    """Draws row after row of a network, each pixel with the number that it is given."""

    def __init__(self, net: NativePictures) -> None:
        self.net, self.views = net, net.views

    @cached_property
    def num_slots(self) -> int:
        """After so many rows the maps' memory is used in the same way again."""
        return lcm(*(len(rows) for rows in self.net.maps))

    def draw_row(self, row: int, numbers: Sequence[int], given: Tensor) -> Span:
        """The levels [W·C, B] of a row whose pixels [W] have these numbers; `given` [W·C, B] int32 are kept."""
        levels, nll_nats = torch.empty(given.shape, dtype=torch.int32), torch.empty(given.shape, dtype=torch.float64)
        parts = (self.net.keys, self.net.temperatures, given, levels, nll_nats, None)
        struct = PictureRowStruct(0, *(address(part) for part in parts))
        places = struct.given, struct.levels, struct.nll_nats
        draw, slot = self.net.kernel.call(f"{self.net.name}_draw_row"), row % self.num_slots
        for column, number in enumerate(numbers):
            before = column * self.net.num_colours * self.net.size.num_lanes
            struct.row = number
            struct.given, struct.levels = places[0] + before * LEVEL_BYTES, places[1] + before * LEVEL_BYTES
            struct.nll_nats = places[2] + before * NATS_BYTES
            draw(byref(self.view(slot, column)), byref(struct))
        return Span(levels, nll_nats, None)

    def view(self, slot: int, column: int) -> Structure:
        """The network as one that has this column alone, in a row whose number leaves `slot` as remainder."""
        if (slot, column) not in self.views:
            make = gated_view if isinstance(self.net, NativeGatedPixelCNN) else square_view
            self.views[slot, column] = make(self.net, slot, column)  # type: ignore[arg-type]
        return self.views[slot, column][0]


def gated_view(net: NativeGatedPixelCNN, slot: int, column: int) -> tuple[Structure, Any]:
    """The struct of one column, and what it points to."""
    layers: Array[GatedLayerStruct] = (GatedLayerStruct * len(net.layers))(*(layer.struct for layer in net.layers))
    for layer, struct in zip(net.layers, layers, strict=True):
        struct.map, struct.num_rows = address(layer.map[slot % len(layer.map), column:]), 1
        struct.row, struct.offsets = address(layer.row[column:]), address(layer.offsets[column * net.size.num_lanes :])
    view = copied(net.struct)
    view.common.columns, view.layers = 1, pointer(layers[0])
    return view, layers


def square_view(net: NativePixelCNN, slot: int, column: int) -> tuple[Structure, Any]:
    """The struct of one column, and what it points to."""
    blocks: Array[BlockStruct] = (BlockStruct * len(net.blocks))(*(block.struct for block in net.blocks))
    view = copied(net.struct)
    narrow(view.first, net.first, slot, column)
    for block, struct in zip(net.blocks, blocks, strict=True):
        narrow(struct.conv, block.conv, slot, column)
    view.common.columns, view.blocks = 1, pointer(blocks[0])
    return view, blocks


def narrow(struct: SquareStruct, square: NativeSquare, slot: int, column: int) -> None:
    """Let a square begin at the pixel."""
    num_lanes = square.map.shape[2]
    struct.map, struct.num_rows = address(square.map[slot % len(square.map), column:]), 1
    struct.offsets = address(square.offsets[column * num_lanes :])
