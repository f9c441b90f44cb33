"""Context stacks (`models/wavenet_context.py`) by the kernels, a step for a block, in float32.

Axes: B lane, N timestep, E width of an input, S skip, G gate and L layers of the network that is conditioned.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from models.native.library import Library
from models.native.packing import padded
from models.native.stack import NativeStack
from models.native.structs import PackedProduct
from models.wavenet_context import ContextStack


class NativeContext:
    """What a context stack adds to the gates of B lanes whose items begin at the start of a block.

    `in_order` brings what is added to gates, [..., L·G], into the kernels' order.
    """

    def __init__(
        self, network: ContextStack, num_lanes: int, library: Library, in_order: Callable[[Tensor], Tensor]
    ) -> None:
        self.network, self.library, self.pool = network, library, network.config.pool
        self.stack = NativeStack(network.stack, num_lanes, library, torch.float32)
        pooling, to_layers = network.pooling, in_order(network.to_layers.weight.detach().t())
        self.pooling = PackedProduct.of(pooling.weight.detach().t(), pooling.bias.detach(), library, torch.float32)
        self.skip = self.stack.product_of_z(network.stack.skip)
        self.to_layers = PackedProduct.of(to_layers, torch.zeros(to_layers.shape[1]), library, torch.float32)
        self.block = torch.zeros(num_lanes, self.pool, network.input_width)
        self.value = torch.zeros(num_lanes, self.to_layers.width)
        self.begins = torch.ones(num_lanes, dtype=torch.bool)

    @property
    def memory(self) -> dict[str, Tensor]:
        """What it carries from timestep to timestep."""
        return {"rings": self.stack.rings, "block": self.block, "value": self.value, "begins": self.begins}

    def start(self, lane: int) -> None:
        """An item begins in a lane: its first block has none before it."""
        self.stack.reset(lane)
        self.begins[lane] = True

    def take(self, levels: Tensor, clock: int) -> None:
        """Keep the levels [N, B] of a span that began at `clock`, within a block."""
        from_first = clock % self.pool
        self.block[:, from_first : from_first + len(levels)] = self.network.encode(levels.t().long())

    def enter(self, clock: int) -> None:
        """Renew `value`, U c of all layers [B, L·2H], where a block begins."""
        if clock % self.pool:
            return
        inputs = self.pooling(padded(self.block.flatten(1), 1, self.pooling.depth).contiguous(), self.library)
        inputs[self.begins] = 0  # zeros, as before every layer; not what pooling makes of zeros
        self.begins[:] = False
        z = self.stack.step(inputs, clock // self.pool)
        self.value = self.to_layers(self.skip(z, self.library).relu(), self.library)
