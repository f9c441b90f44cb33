"""Levels that are given: the start of a waveform, the known part of a picture.

Axes: B lane, N position in drawing order, T timestep.

A given level is fed to the model in place of a draw, and what comes after it in drawing order is drawn given it. An
autoregressive model looks back only: given pixels that come later in that order, below a hole and to its right, are
kept and do not shape what is drawn in it. The random numbers of all other positions are those that they would have
without. nll_nats counts what was drawn, each level given all that stood before it; so it is a likelihood of the rest
given the kept only where what is kept comes first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.autoregressive import Autoregressive


@dataclass(frozen=True)
class Kept:
    """levels: [B, *shape] int64, looked at where mask [B, *shape] bool is true; elsewhere anything."""

    levels: Tensor
    mask: Tensor

    @classmethod
    def prefix(cls, levels: Tensor, num_timesteps: int) -> "Kept":
        """The start [B, t] of waveforms of num_timesteps; ValueError where it is longer."""
        lanes, given = levels.shape
        if given > num_timesteps:
            raise ValueError(f"a prefix of {given} timesteps is longer than the waveform, {num_timesteps}")
        rest = levels.new_zeros(lanes, num_timesteps - given)
        mask = torch.arange(num_timesteps, device=levels.device) < given
        return cls(torch.cat([levels, rest], 1), mask.expand(lanes, -1))


@dataclass(frozen=True)
class KeptSequence:
    """The same in drawing order, checked: levels [B, N], mask [B, N]."""

    levels: Tensor
    mask: Tensor

    def rows(self, chosen: Tensor) -> "KeptSequence":
        """Those of some lanes."""
        return KeptSequence(self.levels[chosen], self.mask[chosen])


def sequence_of(kept: Kept, model: Autoregressive, shape: tuple[int, ...], num_lanes: int) -> KeptSequence:
    """What is kept, in drawing order and where the model is; ValueError for what does not fit the lanes."""
    expected = (num_lanes, *shape)
    for name, value in (("levels", kept.levels), ("mask", kept.mask)):
        if tuple(value.shape) != expected:
            raise ValueError(f"kept {name} must have shape {expected}, got {tuple(value.shape)}")
    if kept.levels.dtype != torch.int64 or kept.mask.dtype != torch.bool:
        raise ValueError(f"kept levels are int64 and their mask bool, got {kept.levels.dtype} and {kept.mask.dtype}")
    refuse_unknown_levels(kept, model.distribution.num_levels)
    device = next(model.parameters()).device
    return KeptSequence(model.to_sequence(kept.levels.to(device)), model.to_sequence(kept.mask.to(device)))


def refuse_unknown_levels(kept: Kept, num_levels: int) -> None:
    """A ValueError unless every level that is given is one of the model's."""
    given = kept.levels[kept.mask]
    outside = given[(given < 0) | (given >= num_levels)]
    if outside.numel():
        raise ValueError(f"kept levels are from 0 to {num_levels - 1}, got {int(outside[0])}")
