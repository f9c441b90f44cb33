"""WaveNet's gated layers for the kernels: weights packed, a ring for each layer, zeros in it where an item begins.

Axes: B lane, R residual, G gate, H = G/2, L layers, D embedding; widths are whole vectors.
"""

from ctypes import byref, c_int64
from typing import Any

import torch
from torch import Tensor, nn

from models.native.library import Library
from models.native.packing import gate_order, halves_padded, padded, panels
from models.native.structs import LayerStruct, PackedProduct, StackStruct, address
from models.wavenet_stack import GatedLayer, GatedStack


class NativeStack:
    """The layers of a stack over B lanes.

    `local` [D, L·G] are weights of what changes from timestep to timestep. `biases` [B, L·2H] are for the caller to
    change where lanes are conditioned; elsewhere there is one row for all.
    """

    def __init__(
        self,
        stack: GatedStack,
        num_lanes: int,
        library: Library,
        dtype: torch.dtype,
        local: Tensor | None = None,
        *,
        is_conditioned: bool = False,
    ) -> None:
        self.shape, self.library, self.dtype, self.num_lanes = stack.shape, library, dtype, num_lanes
        self.residual = library.padded(stack.shape.residual_channels)
        self.half = library.padded(stack.shape.gate_channels // 2)
        self.order = gate_order(self.half, library)
        self.num_layers = len(stack.layers)
        self.local = 0 if local is None else library.padded(local.shape[0])
        of_layers = [None] * self.num_layers if local is None else list(local.chunk(self.num_layers, 1))
        self.gates = [self.packed_gate(layer, part) for layer, part in zip(stack.layers, of_layers, strict=True)]
        self.residuals = [self.packed_residual(layer) for layer in stack.layers]
        slots = [layer.gate.reach + 1 for layer in stack.layers]
        self.rings = torch.zeros(sum(slots), num_lanes, self.residual, dtype=dtype)
        self.stream = torch.zeros(num_lanes, self.residual)
        self.z = torch.zeros(num_lanes, self.num_layers * self.half, dtype=dtype)
        self.own_biases = self.in_order(torch.cat([layer.gate.bias.detach() for layer in stack.layers]))
        self.biases = self.own_biases.repeat(num_lanes if is_conditioned else 1, 1)
        self.layers = self.layer_structs(stack, slots)
        self.struct = self.stack_struct()

    def packed_gate(self, layer: GatedLayer, local: Tensor | None) -> Tensor:
        """Taps, the present first, then what is local: panels of [k·R + D, G]."""
        taps = padded(layer.gate.weight.detach().flip(0), 1, self.residual).flatten(0, 1)
        rows = taps if local is None else torch.cat([taps, padded(local, 0, self.local)])
        return panels(halves_padded(rows, self.half)[:, self.order], self.library, self.dtype)

    def packed_residual(self, layer: GatedLayer) -> Tensor | None:
        """Panels of [H, R]; None after the last layer."""
        if layer.residual is None:
            return None
        weight = padded(padded(layer.residual.weight.detach().t(), 0, self.half), 1, self.residual)
        return panels(weight, self.library, self.dtype)

    def in_order(self, wide: Tensor) -> Tensor:
        """What is added to the gates of all layers, [..., L·G], as the kernels have it."""
        by_layer = halves_padded(wide.unflatten(-1, (self.num_layers, -1)), self.half)
        return by_layer[..., self.order].flatten(-2).contiguous()

    def layer_structs(self, stack: GatedStack, slots: list[int]) -> Any:
        """Each layer's weights and ring."""
        rings = self.rings.split(slots)
        structs = [
            LayerStruct(address(gate), address(residual), address(ring), layer.gate.dilation, len(ring))
            for layer, gate, residual, ring in zip(stack.layers, self.gates, self.residuals, rings, strict=True)
        ]
        return (LayerStruct * self.num_layers)(*structs)

    def stack_struct(self) -> StackStruct:
        """All of it."""
        sizes = self.num_layers, self.shape.kernel_size, self.residual, self.half, self.local, self.num_lanes
        differ = len(self.biases) > 1
        return StackStruct(self.layers, *sizes, differ, address(self.biases), address(self.stream), address(self.z))

    def reset(self, lane: int) -> None:
        """An item begins in a lane: nothing lies before it."""
        self.rings[:, lane] = 0

    def product_of_z(self, skip: nn.Linear) -> PackedProduct:
        """The skip connections, over the z of all layers in whole vectors."""
        by_layer = skip.weight.detach().t().unflatten(0, (self.num_layers, -1))
        weight = padded(by_layer, 1, self.half).flatten(0, 1)
        return PackedProduct.of(weight, skip.bias.detach(), self.library, self.dtype)

    def step(self, inputs: Tensor, clock: int) -> Tensor:
        """The z of all layers [B, L·H] in float32, from the first one's inputs [B, R]."""
        self.stream.copy_(inputs)
        self.library.calls.ancestral_stack_float32(byref(self.struct), c_int64(clock))
        return self.z
