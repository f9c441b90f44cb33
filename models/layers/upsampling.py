"""Frames brought to timesteps: the local condition of a waveform (WaveNet, section 2.5).

Axes: B batch, F frame, T timestep, C channel, D embedding.

Frame f covers timesteps [f·hop, (f+1)·hop). On the axis on which timestep t is the stretch [t, t+1), with its centre at
t + ½, the value of frame f stands at the centre of what it covers, (f + ½)·hop.

    repeat       y_t = v_f for every t that f covers
    linear       y_t lies on the line between the values of the two frames on either side of t + ½; before the centre of
                 the first frame and after that of the last, their values hold. v_f reaches the timesteps less than one
                 frame from its centre: half of the frame before, its own, half of the one after
    transposed   stages of a transposed convolution with kernel = stride = factor, the product of the factors being hop,
                 so that v_f reaches exactly what it covers. One stage learns `hop` matrices; stages of small factors
                 share theirs over the frame and have far fewer weights

The learned stages start as repetition: every tap is the identity. So nothing stands between them that would bend it,
neither a bias nor a nonlinearity (the paper names none); the network that is conditioned has both. Hence zeros stay
zeros on every path, and an item that is drawn without its condition gets none.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from models.conditioning import ConditionConfig


def repeated(frames: Tensor, hop: int) -> Tensor:
    """[B, F, C] to [B, F·hop, C]: each frame's value at every timestep that it covers."""
    return frames.repeat_interleave(hop, 1)


def interpolated(frames: Tensor, hop: int) -> Tensor:
    """[B, F, C] to [B, F·hop, C]: lines between the values, which stand at the centres of their frames."""
    num_frames = frames.shape[1]
    centres = torch.arange(num_frames * hop, device=frames.device, dtype=torch.float64) + 0.5
    places = (centres / hop - 0.5).clamp(0, num_frames - 1)  # in frames, from the centre of the first
    left = places.long()
    right = (left + 1).clamp(max=num_frames - 1)
    share = (places - left).to(frames.dtype)[:, None]
    # In this form what lies between two equal values has their very bits: a lane's end and its padding are the same.
    return frames[:, left] + share * (frames[:, right] - frames[:, left])


class Upsampler(nn.Module, ABC):
    """Frames to what changes from timestep to timestep: [B, F, D] to [B, F·hop, D]."""

    neighbours: int
    """How many frames to either side of it the span of a frame depends on."""

    @abstractmethod
    def forward(self, frames: Tensor) -> Tensor:  # noqa: D102
        ...

    @abstractmethod
    def multiplications_per_frame(self) -> int:
        """How many products with weights one frame takes."""


class Interpolation(Upsampler):
    """`interpolated`, as a module."""

    neighbours = 1

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop

    def forward(self, frames: Tensor) -> Tensor:  # noqa: D102
        return interpolated(frames, self.hop)

    def multiplications_per_frame(self) -> int:  # noqa: D102
        return 0


class TransposedConvolutions(Upsampler):
    """The learned upsampling. A stage's kernel is its stride, so it is a matrix product: D numbers to factor · D."""

    neighbours = 0

    def __init__(self, channels: int, factors: tuple[int, ...]) -> None:
        super().__init__()
        self.channels, self.factors = channels, factors
        stages = [nn.Linear(channels, factor * channels, bias=False) for factor in factors]
        self.stages = cast(Sequence[nn.Linear], nn.ModuleList(stages))
        with torch.no_grad():
            for stage, factor in zip(stages, factors, strict=True):
                stage.weight.copy_(torch.eye(channels).repeat(factor, 1))

    def forward(self, frames: Tensor) -> Tensor:  # noqa: D102
        for stage in self.stages:
            frames = stage(frames).unflatten(2, (-1, self.channels)).flatten(1, 2)
        return frames

    def multiplications_per_frame(self) -> int:  # noqa: D102
        total, positions = 0, 1
        for factor in self.factors:
            total += positions * factor * self.channels**2
            positions *= factor
        return total


def upsampling_of(config: ConditionConfig) -> Upsampler | None:
    """What brings the frames to timesteps; None for repetition, which has nothing to compute."""
    if config.upsampling == "linear":
        return Interpolation(config.hop)
    if config.upsampling == "transposed":
        return TransposedConvolutions(config.channels, config.upsampling_factors or (config.hop,))
    return None
