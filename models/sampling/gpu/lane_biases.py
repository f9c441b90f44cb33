"""What conditions lanes whose items begin at different timesteps, where frames begin for all of them.

Axes: B lane, F frame, D embedding, L layers, G gate.

What belongs to an item is computed for it alone as it enters a lane; what is shared between lanes has always the same
number of rows. So an item's bits do not depend on when it enters.
"""

import torch
from torch import Tensor

from models.conditioning import Condition
from models.layers.waveform_condition import WaveformCondition
from models.sampling.gpu.biases import LastLevels
from models.wavenet import WaveNet


class MovingBiases:
    """A `biases.Biases`. There are no context stacks: these remember what their lanes have drawn."""

    def __init__(self, model: WaveNet, num_lanes: int, num_timesteps: int) -> None:
        """`num_timesteps`: of the longest item."""
        assert not model.config.contexts
        self.network, config = model.condition, model.config.condition
        self.own = model.stack.gate_biases(1)
        self.item = self.own.repeat(1 if config.is_empty else num_lanes, 1)
        self.frames = LaneFrames(self.network, num_lanes, -(-num_timesteps // config.hop)) if config.has_local else None
        self.value = self.item.float().clone()

    def start(self, lane: int, condition: Condition | None, num_timesteps: int, position: int) -> None:
        """An item enters a lane. ValueError where its condition is not what the model asks for."""
        hop = self.network.config.hop
        condition = None if condition is None else condition.to(self.own.device)
        checked = self.network.checked(condition, 1, -(-num_timesteps // hop) * hop)
        if (item := self.network.of_item(checked)) is not None:
            self.item[lane] = (self.own + item)[0]
            self.value[lane] = self.item[lane]
        if self.frames is not None:
            self.frames.start(lane, self.network.frames(checked)[0], position // hop)

    def enter(self, position: int, last_levels: LastLevels) -> None:
        """Write those of a timestep."""
        if self.frames is not None and self.frames.enter(position):
            self.value.copy_(self.item + self.frames.value)


class LaneFrames:
    """U y of all layers at the timestep at hand, `value` [B, L·G], each lane from its own frame on."""

    value: Tensor

    def __init__(self, network: WaveformCondition, num_lanes: int, most_frames: int) -> None:
        self.network, weight = network, network.from_frames.weight
        self.embedded = weight.new_zeros(num_lanes, most_frames, weight.shape[1])
        self.first = torch.zeros(num_lanes, 1, dtype=torch.int64, device=weight.device)
        self.last = torch.zeros_like(self.first)
        self.neighbours = network.upsample.neighbours if network.upsample is not None else 0
        self.around = torch.arange(-self.neighbours, self.neighbours + 1, device=weight.device)

    def start(self, lane: int, frames: Tensor, first: int) -> None:
        """An item of frames [F, D] enters a lane, at the frame that is the lockstep's `first`."""
        self.embedded[lane, : len(frames)] = frames
        self.first[lane], self.last[lane] = first, max(len(frames) - 1, 0)

    def enter(self, position: int) -> bool:
        """Whether the value is another here."""
        frame, within = divmod(position, self.network.config.hop)
        upsample = self.network.upsample
        if within == 0:
            y = self.at_hand(frame)
            self.span = y if upsample is None else self.of_frame(upsample(y))
        if within == 0 or upsample is not None:
            self.value = self.network.from_frames(self.span[:, within])
        return within == 0 or upsample is not None

    def at_hand(self, frame: int) -> Tensor:
        """Each lane's frame and its neighbours, [B, F, D]; past either end of an item its outermost one."""
        numbers = (frame - self.first + self.around).clamp(min=0).minimum(self.last)
        return self.embedded.gather(1, numbers[:, :, None].expand(-1, -1, self.embedded.shape[2]))

    def of_frame(self, y: Tensor) -> Tensor:
        """Of upsampled frames the timesteps of the one in the middle."""
        hop = self.network.config.hop
        return y[:, self.neighbours * hop : (self.neighbours + 1) * hop]
