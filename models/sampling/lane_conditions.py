"""What conditions each lane of a fused WaveNet at the timestep at hand, in the kernels' order.

Axes: B lane, N timestep of a span, F frame, D embedding, L layers, H half of the gates.

What belongs to an item is computed for it alone, when it enters a lane; what is shared between lanes is a product whose
rows do not depend on each other. So an item's bits are its own. Frames and blocks begin for all lanes at once: items
enter at the multiples of the model's alignment.
"""

import torch
from torch import Tensor

from models.conditioning import Condition
from models.native.contexts import NativeContext
from models.native.packing import padded
from models.native.structs import PackedProduct
from models.native.wavenet import NativeWaveNet, is_conditioned
from models.wavenet import WaveNet

FRAMES_AT_ONCE = 8
"""Frames that are brought to timesteps in one go: a lane holds the outcome."""


class LaneConditions:
    """The biases of all lanes, from what conditions each."""

    def __init__(self, model: WaveNet, net: NativeWaveNet) -> None:
        config, lanes = model.config.condition, range(net.num_lanes)
        self.network, self.net, self.config = model.condition, net, config
        self.is_conditioned = is_conditioned(model)
        self.contexts = [
            NativeContext(context, net.num_lanes, net.library, net.stack.in_order) for context in model.contexts
        ]
        self.items = net.stack.own_biases.repeat(net.num_lanes, 1)
        self.frames = [torch.zeros(0, 0) for _ in lanes]  # embedded, [F, D], or upsampled later
        self.spans = [(-1, torch.zeros(0, 0)) for _ in lanes]  # the number of a run of frames, and its timesteps
        self.is_upsampled = config.has_local and model.condition.upsample is not None
        if config.has_local:
            weight = net.stack.in_order(model.condition.from_frames.weight.detach().t())
            self.projection = PackedProduct.of(weight, torch.zeros(weight.shape[1]), net.library, torch.float32)

    @property
    def boundaries(self) -> list[int]:
        """At the multiples of each of these the biases change, and no span goes past them."""
        frames = [self.config.hop] if self.config.has_local else []
        return frames + [context.pool for context in self.contexts]

    @property
    def memory(self) -> dict[str, Tensor]:
        """What it carries from timestep to timestep; all else follows from the items that are in the lanes."""
        return {
            f"context{number}.{name}": tensor
            for number, context in enumerate(self.contexts)
            for name, tensor in context.memory.items()
        }

    def start(self, lane: int, condition: Condition | None, num_timesteps: int) -> None:
        """An item enters a lane. ValueError where its condition is not what the model asks for."""
        hop = self.config.hop
        checked = self.network.checked(condition, 1, -(-num_timesteps // hop) * hop)
        if self.config.has_global:
            item = self.network.of_item(checked)
            assert item is not None
            self.items[lane] = self.net.stack.own_biases + self.net.stack.in_order(item[0])
        if self.config.has_local:
            self.frames[lane] = self.network.frames(checked)[0]
            self.spans[lane] = (-1, torch.zeros(0, 0))
        for context in self.contexts:
            context.start(lane)

    def enter(self) -> None:
        """Write the biases of the timestep at hand, where they differ from those before."""
        if not self.is_conditioned:
            return
        clock, biases = self.net.clock, self.net.stack.biases
        if self.boundaries and all(clock % boundary for boundary in self.boundaries):
            return
        for context in self.contexts:
            context.enter(clock)
        biases.copy_(self.items)
        if self.config.has_local and not self.is_upsampled:
            biases.add_(self.projection(self.frames_at_hand(), self.net.library))
        for context in self.contexts:
            biases.add_(context.value)

    def frames_at_hand(self) -> Tensor:
        """The frame of each lane, [B, D] in whole vectors; past the end of an item its last one again."""
        numbers = (self.net.positions // self.config.hop).tolist()
        rows = torch.zeros(self.net.num_lanes, self.projection.depth)
        for lane, (number, frames) in enumerate(zip(numbers, self.frames, strict=True)):
            if len(frames):
                rows[lane, : frames.shape[1]] = frames[min(number, len(frames) - 1)]
        return rows

    def local(self, num_timesteps: int) -> Tensor | None:
        """What changes from timestep to timestep, [N, B, D] in the kernel's precision; None where nothing does."""
        if not self.is_upsampled:
            return None
        parts = [self.local_of(lane, num_timesteps) for lane in range(self.net.num_lanes)]
        return torch.stack(parts, 1).to(self.net.dtype).contiguous()

    def local_of(self, lane: int, num_timesteps: int) -> Tensor:
        """The same of one lane, [N, D]."""
        hop, frames = self.config.hop, self.frames[lane]
        if not len(frames):
            return torch.zeros(num_timesteps, self.net.stack.local)
        number, within = divmod(int(self.net.positions[lane]), FRAMES_AT_ONCE * hop)
        if self.spans[lane][0] != number:
            self.spans[lane] = number, self.upsampled(frames, number * FRAMES_AT_ONCE)
        return self.spans[lane][1][within : within + num_timesteps]

    def upsampled(self, frames: Tensor, first: int) -> Tensor:
        """A run of frames brought to timesteps, [N, D]; frames past either end are the outermost ones."""
        upsample = self.network.upsample
        assert upsample is not None
        around = torch.arange(first - upsample.neighbours, first + FRAMES_AT_ONCE + upsample.neighbours)
        y: Tensor = upsample(frames[around.clamp(0, len(frames) - 1)][None])[0]
        start = upsample.neighbours * self.config.hop
        return padded(y[start : start + FRAMES_AT_ONCE * self.config.hop], 1, self.net.stack.local)

    def take(self, levels: Tensor, clock: int) -> None:
        """What was drawn from `clock` on, levels [N, B]."""
        for context in self.contexts:
            context.take(levels, clock)
