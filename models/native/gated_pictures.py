"""Gated PixelCNN for the kernels: its weights packed, and the memory of B lanes.

Axes: B lane, C colour, H W, K levels, h features of a layer.
"""

import torch
from torch import Tensor, nn

from models.gated_pixelcnn import GatedLayer, GatedPixelCNN
from models.native.colour_blocks import ColourBlocks, Group, Kernel, buffer_width, by_groups, groups_of
from models.native.packing import gate_order, halves_padded, padded, panels
from models.native.picture_structs import BiasesStruct, GatedLayerStruct, GatedPicturesStruct
from models.native.pictures import BiasSlot, NativePictures, PictureHead, PictureSize
from models.native.structs import PackedProduct, address


class NativeGatedLayer:
    """One layer of both stacks. `vertical_bias` and `down_bias` [1 or W·B, ...] are for the caller to write."""

    def __init__(
        self, layer: GatedLayer, kernel: Kernel, groups: list[Group], size: PictureSize, *, is_conditioned: bool
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
        self.own_vertical = self.in_order(bias_of(layer.vertical.conv))
        self.own_down = by_groups(layer.horizontal.bias.detach(), groups, library)
        self.vertical_bias, self.down_bias = self.own_vertical.repeat(rows, 1), self.own_down.repeat(rows, 1)
        self.map = torch.zeros(reach.up + 1, columns + 2 * reach.left, num_lanes, width, dtype=dtype)
        self.row = torch.zeros(layer.horizontal.reach.left + columns, num_lanes, self.row_width, dtype=dtype)
        self.offsets = torch.zeros(columns * num_lanes, self.down_bias.shape[1])
        self.gated = torch.zeros(num_lanes, buffer_width(groups, library), dtype=dtype)
        self.across = ColourBlocks(kernel, self.row_width).gated(layer.horizontal, groups)
        self.out = ColourBlocks(kernel, buffer_width(groups, library)).plain(layer.output, groups)
        self.struct = GatedLayerStruct(
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

    @property
    def bias_slots(self) -> list[BiasSlot]:
        """That of the vertical stack, and that of the horizontal one."""
        groups, library = self.groups, self.kernel.library
        horizontal = BiasSlot(self.down_bias, self.own_down, lambda x: by_groups(x, groups, library), is_above=False)
        return [BiasSlot(self.vertical_bias, self.own_vertical, self.in_order, is_above=True), horizontal]


class NativeGatedPixelCNN(NativePictures):
    """The network of a model; `is_conditioned` gives each pixel biases of its own."""

    name = "gated"

    def __init__(self, model: GatedPixelCNN, size: PictureSize, kernel: Kernel) -> None:
        config, library = model.config, kernel.library
        super().__init__(PictureHead(model.head, size, kernel), kernel, config.channels, config.num_levels)
        groups, conditioned = groups_of(model.layers[0].output.colours_out, library), not config.condition.is_empty
        self.layers = [
            NativeGatedLayer(layer, kernel, groups, size, is_conditioned=conditioned) for layer in model.layers
        ]
        self.bias_slots = [slot for layer in self.layers for slot in layer.bias_slots]
        half, feature_width = self.layers[0].half, buffer_width(groups, library)
        self.above = torch.zeros(size.columns * size.num_lanes, 2 * half, dtype=kernel.dtype)
        self.stream = torch.zeros(size.num_lanes, feature_width)
        self.layer_structs = (GatedLayerStruct * len(self.layers))(*(layer.struct for layer in self.layers))
        sizes = len(self.layers), half, self.layers[0].offsets.shape[1], feature_width
        common = self.head.struct(config.channels, config.num_levels)
        self.struct = GatedPicturesStruct(common, self.layer_structs, *sizes, address(self.above), address(self.stream))

    @property
    def maps(self) -> list[Tensor]:  # noqa: D102
        return [layer.map for layer in self.layers]

    @property
    def offsets(self) -> list[Tensor]:  # noqa: D102
        return [layer.offsets for layer in self.layers]

    def begin(self) -> None:  # noqa: D102
        for layer in self.layers:
            layer.offsets.copy_(layer.down_bias.expand_as(layer.offsets))


def bias_of(conv: nn.Conv2d) -> Tensor:
    """The bias of a convolution that has one."""
    assert conv.bias is not None
    return conv.bias.detach()
