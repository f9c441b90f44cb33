"""What is added to the gates of every lane at the timestep at hand, written where the kernels read it.

Axes: B lane, L layers, G gate.

The condition and the context stacks are those of the torch path (`DrawnFrames`, `DrawnContext`), called between two
replays of a graph: they change with frames and blocks, not with timesteps, unless frames are interpolated.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from models.conditioning import Condition
from models.layers.waveform_condition import DrawnFrames
from models.wavenet import WaveNet
from models.wavenet_context import ContextStack, DrawnContext

LastLevels = Callable[[int], Tensor]
"""The last n levels [B, n]."""


class Biases(Protocol):
    """What a network of waveforms reads: `value` float32 [B, L·G], or [1, L·G] for all lanes."""

    value: Tensor

    def enter(self, position: int, last_levels: LastLevels) -> None:
        """Write those of a timestep, where they are others than before; timesteps are entered one by one."""
        ...


class LaneBiases:
    """Of lanes that all begin at position 0; they share a `value` where nothing conditions the model."""

    def __init__(self, model: WaveNet, condition: Condition | None, num_lanes: int, num_timesteps: int) -> None:
        """ValueError for a condition that is not the model's, or does not cover the timesteps."""
        checked = model.condition.checked(condition, num_lanes, num_timesteps)
        is_shared = model.config.condition.is_empty and not model.config.contexts
        own, item = model.stack.gate_biases(1 if is_shared else num_lanes), model.condition.of_item(checked)
        self.item = own if item is None else own + item
        self.frames = [DrawnFrames(model.condition, checked)] if model.config.condition.has_local else []
        self.contexts = [DrawnBlocks(context, num_lanes) for context in model.contexts]
        self.value = self.item.float().clone()

    def enter(self, position: int, last_levels: LastLevels) -> None:
        """Write the biases of a timestep, where they are others than before; timesteps are entered one by one.

        ValueError after the last timestep that the condition covers.
        """
        have_changed = [part.enter(position) for part in self.frames]
        have_changed += [part.enter(position, last_levels) for part in self.contexts]
        if any(have_changed):
            parts = [*(part.value for part in self.frames), *(part.drawn.value for part in self.contexts)]
            self.value.copy_(sum(parts, start=self.item))


class DrawnBlocks:
    """A context stack that is given a whole block of levels at once."""

    def __init__(self, network: ContextStack, num_lanes: int) -> None:
        self.network, self.drawn = network, DrawnContext(network, num_lanes)

    def enter(self, position: int, last_levels: LastLevels) -> bool:
        """Whether a block begins here, and with it another value."""
        pool = self.network.config.pool
        if position and position % pool == 0:
            self.drawn.block.copy_(self.network.encode(last_levels(pool)))
        return self.drawn.enter(position)


def last_of_ring(history: Tensor, newest: Tensor, position: int) -> LastLevels:
    """Of the levels before `position`: `newest` [B] is the last, the ones before it lie in a ring [slots, B]."""

    def last(num_levels: int) -> Tensor:
        older = torch.arange(position - num_levels, position - 1, device=history.device) % len(history)
        return torch.cat([history[older], newest[None]]).t()

    return last
