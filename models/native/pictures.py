"""Gated PixelCNN for the kernels: its weights packed, the memory of B lanes, and two calls for each row.

Axes: B lane, C colour, H W, K levels, h features of a layer.
"""

from ctypes import byref

import torch
from torch import Tensor, nn

from models.gated_pixelcnn import GatedLayer, GatedPixelCNN
from models.native.colour_blocks import ColourBlocks, Group, Kernel, buffer_width, by_groups, groups_of
from models.native.packing import gate_order, halves_padded, padded, panels
from models.native.picture_structs import BiasesStruct, PictureLayerStruct, PictureRowStruct, PictureStruct
from models.native.structs import PackedProduct, address
from models.native.wavenet import FAR_BELOW, Span


class NativeGatedLayer:
    """One layer of both stacks. `vertical_bias` and `down_bias` [1 or W·B, ...] are for the caller to write."""

    def __init__(
        self, layer: GatedLayer, kernel: Kernel, groups: list[Group], size: tuple[int, int], *, is_conditioned: bool
    ) -> None:
        num_lanes, columns = size
        library, dtype, self.kernel, self.groups = kernel.library, kernel.dtype, kernel, groups
        self.half = library.padded(sum(group.number for group in groups))
        self.order, rows = gate_order(self.half, library), columns * num_lanes if is_conditioned else 1
        reach, features = layer.vertical.reach, len(layer.horizontal.colours_in)
        width = kernel.even(features) if layer.first else self.half
        self.row_width = width if layer.first else buffer_width(groups, library)
        self.vertical = self.packed_vertical(layer, width)
        self.down = self.packed_down(layer)
        self.vertical_bias = self.in_order(bias_of(layer.vertical.conv)).repeat(rows, 1)
        self.down_bias = by_groups(layer.horizontal.bias.detach(), groups, library).repeat(rows, 1)
        self.map = torch.zeros(reach.up + 1, columns + 2 * reach.left, num_lanes, width, dtype=dtype)
        self.row = torch.zeros(layer.horizontal.reach.left + columns, num_lanes, self.row_width, dtype=dtype)
        self.offsets = torch.zeros(columns * num_lanes, self.down_bias.shape[1])
        self.gated = torch.zeros(num_lanes, buffer_width(groups, library), dtype=dtype)
        self.across = ColourBlocks(kernel, self.row_width).gated(layer.horizontal, groups)
        self.out = ColourBlocks(kernel, buffer_width(groups, library)).plain(layer.output, groups)
        self.struct = PictureLayerStruct(
            address(self.vertical),
            address(self.map),
            reach.up + 1,
            reach.left,
            width,
            BiasesStruct(address(self.vertical_bias), self.vertical_bias.shape[1] if is_conditioned else 0),
            self.down.struct,
            BiasesStruct(address(self.down_bias), self.down_bias.shape[1] if is_conditioned else 0),
            address(self.offsets),
            address(self.row),
            address(self.gated),
            layer.horizontal.reach.left,
            self.row_width,
            self.across.array(),
            self.out.array(),
        )

    def in_order(self, x: Tensor) -> Tensor:
        """[..., 2h] as the panels of the vertical stack have it."""
        return halves_padded(x, self.half)[..., self.order].contiguous()

    def packed_vertical(self, layer: GatedLayer, width: int) -> Tensor:
        """Rows, columns, features of the convolution's inputs, one after another."""
        weight = layer.vertical.conv.weight.detach().permute(2, 3, 1, 0)  # [rows, columns, in, out]
        return panels(self.in_order(padded(weight, 2, width).flatten(0, 2)), self.kernel.library, self.kernel.dtype)

    def packed_down(self, layer: GatedLayer) -> PackedProduct:
        """From the vertical stack's order to each colour's own."""
        library = self.kernel.library
        weight = self.in_order(layer.down.weight.detach().flatten(1)).t()  # [in, 2h]
        wide = by_groups(weight, self.groups, library)
        return PackedProduct.of(wide, torch.zeros(wide.shape[1]), library, self.kernel.dtype)

    def begin(self) -> None:
        """The first row of a picture: nothing lies above it."""
        self.offsets.copy_(self.down_bias.expand_as(self.offsets))


class NativeGatedPixelCNN:
    """The network over B lanes that draw one picture each, all in step."""

    def __init__(self, model: GatedPixelCNN, num_lanes: int, columns: int, kernel: Kernel) -> None:
        config, library, dtype = model.config, kernel.library, kernel.dtype
        self.kernel, self.num_lanes, self.columns, self.num_colours = kernel, num_lanes, columns, config.channels
        self.is_conditioned, size = not config.condition.is_empty, (num_lanes, columns)
        groups, heads, logits = (groups_of(conv.colours_out, library) for conv in (model.layers[0].output, *model.head))
        self.layers = [
            NativeGatedLayer(layer, kernel, groups, size, is_conditioned=self.is_conditioned) for layer in model.layers
        ]
        self.num_levels, feature_width = config.num_levels, buffer_width(groups, library)
        middle_width = buffer_width(heads, library)
        self.head = ColourBlocks(kernel, feature_width).plain(model.head[0], heads)
        self.logits = ColourBlocks(kernel, middle_width).plain(model.head[1], logits, FAR_BELOW)
        self.logits_width, half = logits[0].width, self.layers[0].half
        self.keys = torch.zeros(num_lanes, 2, dtype=torch.int32)
        self.temperatures = torch.ones(num_lanes)
        self.above = torch.zeros(columns * num_lanes, 2 * half, dtype=dtype)
        self.features = torch.zeros(num_lanes, feature_width, dtype=dtype)
        self.middle = torch.zeros(num_lanes, middle_width, dtype=dtype)
        self.stream = torch.zeros(num_lanes, feature_width)
        self.wide = torch.zeros(num_lanes, self.logits_width)
        self.scratch = torch.zeros(3 * self.logits_width, dtype=torch.float64)
        buffers = (self.above, self.features, self.middle, self.stream, self.wide, self.scratch)
        self.layer_structs = (PictureLayerStruct * len(self.layers))(*(layer.struct for layer in self.layers))
        sizes = len(self.layers), self.num_colours, columns, num_lanes, half
        widths = self.layers[0].offsets.shape[1], feature_width, middle_width
        blocks = self.head.array(), self.logits.array()
        self.struct = PictureStruct(
            self.layer_structs, *sizes, *widths, *blocks, config.num_levels, *(address(buffer) for buffer in buffers)
        )

    def start(self, lane: int, key: tuple[int, int], temperature: float) -> None:
        """A picture begins in a lane."""
        self.keys[lane] = torch.tensor(key, dtype=torch.int64).to(torch.int32)
        self.temperatures[lane] = temperature

    def begin(self) -> None:
        """All lanes are at their first row, whose biases are written."""
        for layer in self.layers:
            layer.begin()

    def draw_row(self, row: int, given: Tensor | None = None, *, with_parameters: bool = False) -> Span:
        """The levels [W·C, B] of a row; `given` [W·C, B] int32 are those that are kept."""
        shape = self.columns * self.num_colours, self.num_lanes
        levels, nll_nats = torch.empty(shape, dtype=torch.int32), torch.empty(shape, dtype=torch.float64)
        parameters = torch.empty(*shape, self.logits_width) if with_parameters else None
        parts = (self.keys, self.temperatures, given, levels, nll_nats, parameters)
        struct = PictureRowStruct(row, *(address(part) for part in parts))
        self.kernel.call("draw_row")(byref(self.struct), byref(struct))
        return Span(levels, nll_nats, None if parameters is None else parameters[..., : self.num_levels])

    def finish_row(self, row: int) -> None:
        """The vertical stack over a row that is drawn; the biases are those of it and of the row below."""
        self.kernel.call("finish_row")(byref(self.struct), row)


def bias_of(conv: nn.Conv2d) -> Tensor:
    """The bias of a convolution that has one."""
    assert conv.bias is not None
    return conv.bias.detach()
