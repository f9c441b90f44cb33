"""What conditions each lane of a fused Gated PixelCNN at the row at hand, in the kernels' order.

Axes: B lane, H W, D embedding, h features.

What belongs to an item is computed for it alone; what its map adds to a row is a product whose rows do not depend on
each other. So an item's bits are its own.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.conditioning import Condition
from models.gated_pixelcnn import GatedPixelCNN
from models.layers.picture_condition import LayerBias, MapBias
from models.native.colour_blocks import Group, by_groups
from models.native.library import Library
from models.native.packing import padded
from models.native.pictures import NativeGatedPixelCNN
from models.native.structs import PackedProduct


class StackBias:
    """What is added to one stack of one layer: its own bias, an item's vector, and what its map gives for a row."""

    def __init__(
        self, out: Tensor, of_lanes: Sequence[LayerBias], in_order: Callable[[Tensor], Tensor], library: Library
    ) -> None:
        """`out` [W·B, ...] is where the kernel looks for it, now the stack's own bias."""
        self.out, self.library = out, library
        vectors = [bias.vector if isinstance(bias, MapBias) else bias for bias in of_lanes]
        own = out[: len(of_lanes)]
        self.fixed = torch.stack(
            [
                row if vector is None else row + in_order(vector.flatten())
                for row, vector in zip(own, vectors, strict=True)
            ]
        )
        first = of_lanes[0]
        self.map = None
        if isinstance(first, MapBias):
            weight = in_order(first.v.flatten(1).t())
            self.map = PackedProduct.of(weight, torch.zeros(weight.shape[1]), library, torch.float32)
        self.out.copy_(self.fixed.repeat(len(out) // len(of_lanes), 1))

    def enter(self, s: Tensor | None) -> None:
        """Write it for a row, in which the lanes' maps are s [W·B, D]."""
        if self.map is not None and s is not None:
            torch.add(self.fixed.repeat(len(self.out) // len(self.fixed), 1), self.map(s, self.library), out=self.out)


class PictureConditions:
    """The biases of all layers and lanes."""

    def __init__(
        self,
        model: GatedPixelCNN,
        net: NativeGatedPixelCNN,
        conditions: Sequence[Condition | None],
        size: tuple[int, int],
    ) -> None:
        """ValueError where a condition is not what the model asks for."""
        self.maps: list[Tensor] = []
        self.stacks: list[tuple[StackBias, StackBias]] = []
        self.height = size[0]
        of_lanes = [model.biases(condition, 1, size) for condition in conditions]
        if not net.is_conditioned:
            return
        library = net.kernel.library
        for index, layer in enumerate(net.layers):
            vertical, horizontal = zip(*(biases[index] for biases in of_lanes), strict=True)
            groups = layer.groups

            def to_groups(x: Tensor, groups: list[Group] = groups) -> Tensor:
                return by_groups(x, groups, library)

            self.stacks.append(
                (
                    StackBias(layer.vertical_bias, vertical, layer.in_order, library),
                    StackBias(layer.down_bias, horizontal, to_groups, library),
                )
            )
        first = [biases[0][0] for biases in of_lanes]
        self.maps = [bias.s[0] for bias in first if isinstance(bias, MapBias)]

    def of_row(self, row: int) -> Tensor | None:
        """The lanes' maps in a row, [W·B, D] in whole vectors; None without maps, and past the last row."""
        if not self.maps or row >= self.height:
            return None
        rows = torch.stack([s[:, row] for s in self.maps])  # [B, D, W]
        of_map = self.stacks[0][0].map
        assert of_map is not None
        return padded(rows.permute(2, 0, 1).flatten(0, 1), 1, of_map.depth).contiguous()

    def enter(self, finished: int) -> None:
        """Write the biases of the vertical stack over a finished row (-1: none), and of the row below it."""
        if not self.maps:
            return
        above, below = (self.of_row(row) if row >= 0 else None for row in (finished, finished + 1))
        for vertical, horizontal in self.stacks:
            vertical.enter(above)
            horizontal.enter(below)
