"""The condition of a waveform: V h and U y of equation (3) of WaveNet, added to the gate of every layer.

Axes: B batch, F frame, T timestep, N stretch of timesteps that share a bias, D embedding, G gate, L layers.

The global condition h is one vector per item. The local one, y, is brought from frames to timesteps (`upsampling.py`).
Repeated frames are projected once each, for all layers at once, and the outcome is added to every timestep they cover.
Otherwise y differs from timestep to timestep; it is projected layer by layer, so that no [T, L·G] has to be held.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.conditioning import (
    Condition,
    ConditionConfig,
    check_condition,
    check_frames,
)
from models.cost import num_multiplications
from models.layers.condition_embedding import FrameEmbedding, GlobalEmbedding
from models.layers.upsampling import upsampling_of

LayerBias = Callable[[int], Tensor]
"""What is added to the gate of layer number l: [B, N, 1, G], each of the N at T / N timesteps."""


class WaveformCondition(nn.Module):
    """A condition to what it adds to each of the L gates of G channels. ValueError for planes: a waveform has none."""

    def __init__(self, config: ConditionConfig, num_layers: int, gate_channels: int) -> None:
        super().__init__()
        if config.has_planes:
            raise ValueError(
                f"expected attributes, a vector or frames for a waveform, got num_planes={config.num_planes}: "
                "planes condition pictures; set it to 0"
            )
        self.config, self.gate_channels = config, gate_channels
        if config.has_global:
            self.item = GlobalEmbedding(config)
            self.from_item = nn.Linear(config.channels, num_layers * gate_channels, bias=False)
        if config.has_local:
            self.frames = FrameEmbedding(config)
            self.upsample = upsampling_of(config)
            self.from_frames = nn.Linear(config.channels, num_layers * gate_channels, bias=False)

    def checked(self, condition: Condition | None, batch_size: int, num_timesteps: int) -> Condition:
        """The condition, if it is the one that is asked for and covers the timesteps; ValueError otherwise."""
        checked = check_condition(self.config, condition, batch_size)
        if self.config.has_local:
            check_frames(checked.num_frames, self.config.hop, num_timesteps)
        return checked

    def of_item(self, condition: Condition) -> Tensor | None:
        """V h [B, L·G]; None without a global condition."""
        if not self.config.has_global:
            return None
        bias: Tensor = self.from_item(self.item(condition))
        return bias

    def forward(self, condition: Condition) -> list[LayerBias]:
        """What a condition, checked before, adds to the layers: the sum of these, none of them without a condition."""
        item = self.of_item(condition)
        wide = None if item is None else item[:, None, None]
        if not self.config.has_local:
            return [] if wide is None else [self.split(wide)]
        frames = self.frames(condition)
        if self.upsample is None:
            frame_biases = self.from_frames(frames).unsqueeze(2)
            return [self.split(frame_biases if wide is None else frame_biases + wide)]
        by_timestep = self.projected(self.upsample(frames))
        return [by_timestep] if wide is None else [self.split(wide), by_timestep]

    def split(self, wide: Tensor) -> LayerBias:
        """Biases [B, N, 1, L·G] of all layers side by side, one layer at a time."""
        biases = wide.split(self.gate_channels, -1)
        return lambda layer: biases[layer]

    def projected(self, y: Tensor) -> LayerBias:
        """U_l y of one layer at a time, from y [B, T, D]."""
        weights = self.from_frames.weight.split(self.gate_channels)
        return lambda layer: F.linear(y, weights[layer]).unsqueeze(2)

    def multiplications_per_timestep(self, num_timesteps: int) -> float:
        """Products with weights: a timestep's share of its item's and its frame's, and its own."""
        total = 0.0
        if self.config.has_global:
            total += num_multiplications(self.item, self.from_item) / num_timesteps
        if self.config.has_local:
            per_frame, projection = num_multiplications(self.frames), num_multiplications(self.from_frames)
            if self.upsample is None:
                return total + (per_frame + projection) / self.config.hop
            total += (per_frame + self.upsample.multiplications_per_frame()) / self.config.hop + projection
        return total


class DrawnFrames:
    """U y of all layers at the timestep at hand, `value` [B, L·G], renewed as timesteps are entered one by one.

    One frame is upsampled at a time: its bits do not depend on how many follow.
    """

    value: Tensor

    def __init__(self, network: WaveformCondition, condition: Condition) -> None:
        self.network, self.condition = network, condition

    def enter(self, position: int) -> bool:
        """Whether the value is another here. ValueError after the last timestep that the condition covers."""
        frame, within = divmod(position, self.network.config.hop)
        if within == 0:
            self.enter_frame(frame)
        if self.network.upsample is not None:
            self.value = self.network.from_frames(self.span[:, within])
        return within == 0 or self.network.upsample is not None

    def enter_frame(self, frame: int) -> None:
        """Embed a frame, and bring it to its timesteps."""
        num_frames = self.condition.num_frames
        if frame >= num_frames:
            covered = num_frames * self.network.config.hop
            raise ValueError(f"the condition covers {covered} timesteps, and they have all been drawn")
        upsample, hop = self.network.upsample, self.network.config.hop
        if upsample is None:
            self.value = self.network.from_frames(self.embedded(frame))[:, 0]
            return
        around = range(frame - upsample.neighbours, frame + upsample.neighbours + 1)
        held = [min(max(neighbour, 0), num_frames - 1) for neighbour in around]
        y = upsample(torch.cat([self.embedded(neighbour) for neighbour in held], 1))
        self.span = y[:, upsample.neighbours * hop : (upsample.neighbours + 1) * hop]

    def embedded(self, frame: int) -> Tensor:
        """One frame [B, 1, D]."""
        vector: Tensor = self.network.frames(self.condition.frames(frame, frame + 1))
        return vector
