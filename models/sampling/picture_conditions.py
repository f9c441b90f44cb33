"""What conditions each lane of a fused network of pictures at the row at hand, in the kernels' order.

Axes: B lane, H W, D embedding.

What belongs to an item is computed for it alone; what its map adds to a row is a product whose rows do not depend on
each other. So an item's bits are its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.conditioning import Condition
from models.gated_pixelcnn import GatedPixelCNN
from models.layers.picture_condition import LayerBias, MapBias
from models.native.library import Library
from models.native.packing import padded
from models.native.pictures import BiasSlot, NativePictures
from models.native.structs import PackedProduct
from models.pixelcnn import PixelCNN


class LaneBias:
    """What is added to one layer: its own bias, an item's vector, and what the item's map gives for a row."""

    def __init__(self, slot: BiasSlot, of_lanes: Sequence[LayerBias], library: Library) -> None:
        self.slot, self.library = slot, library
        vectors = [bias.vector if isinstance(bias, MapBias) else bias for bias in of_lanes]
        own = slot.own
        rows = [own if vector is None else own + slot.in_order(vector.flatten()) for vector in vectors]
        self.fixed = torch.stack(rows).repeat(len(slot.out) // len(rows), 1)
        self.map = None
        if isinstance(first := of_lanes[0], MapBias):
            weight = slot.in_order(first.v.flatten(1).t())
            self.map = PackedProduct.of(weight, torch.zeros(weight.shape[1]), library, torch.float32)
        slot.out.copy_(self.fixed)

    def enter(self, s: Tensor | None) -> None:
        """Write it for a row, in which the lanes' maps are s [W·B, D]."""
        if self.map is not None and s is not None:
            torch.add(self.fixed, self.map(s, self.library), out=self.slot.out)


class PictureConditions:
    """The biases of all layers and lanes."""

    def __init__(
        self,
        model: GatedPixelCNN | PixelCNN,
        net: NativePictures,
        conditions: Sequence[Condition | None],
        size: tuple[int, int],
    ) -> None:
        """ValueError where a condition is not what the model asks for."""
        of_lanes = [model.condition(condition, 1, size) for condition in conditions]
        self.height, self.maps = (
            size[0],
            [bias.s[0] for bias in (lane[0] for lane in of_lanes) if isinstance(bias, MapBias)],
        )
        self.layers: list[LaneBias] = []
        if not model.config.condition.is_empty:
            by_layer = zip(net.bias_slots, zip(*of_lanes, strict=True), strict=True)
            self.layers = [LaneBias(slot, biases, net.kernel.library) for slot, biases in by_layer]

    def of_row(self, row: int) -> Tensor | None:
        """The lanes' maps in a row, [W·B, D] in whole vectors; None above the first row and below the last."""
        of_map = self.layers[0].map
        if of_map is None or not 0 <= row < self.height:
            return None
        rows = torch.stack([s[:, row] for s in self.maps])  # [B, D, W]
        return padded(rows.permute(2, 0, 1).flatten(0, 1), 1, of_map.depth).contiguous()

    def enter(self, finished: int) -> None:
        """Write what is added at a finished row (-1: none), and at the row below it."""
        if not self.maps:
            return
        above, below = self.of_row(finished), self.of_row(finished + 1)
        for layer in self.layers:
            layer.enter(above if layer.slot.is_above else below)
