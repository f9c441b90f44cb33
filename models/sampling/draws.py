"""What both samplers share: the random numbers, one draw for all lanes, and what is kept of it.

Axes: B lane, N position in drawing order, P parameters, U uniforms.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.counter_random import uniforms
from models.distributions import Distribution

OnProgress = Callable[[int], None]
"""Called with the number of positions done so far, now and then and at the end. What it raises stops the sampling."""

PROGRESS_EVERY = 256
"""Positions between two reports; also how many positions' uniforms are made at once."""


@dataclass(frozen=True)
class Drawn:
    """Levels [B, *shape] int64, and the exact nll_nats [B] float64 of each item under the model at temperature 1."""

    levels: Tensor
    nll_nats: Tensor


class Draws:
    """Draws level after level for B lanes, and adds up their negative log-likelihood."""

    def __init__(
        self,
        model: Autoregressive,
        shape: tuple[int, ...],
        keys: Tensor,
        temperature: float | Tensor,
        lengths: Tensor | None,
    ) -> None:
        self.model, self.shape = model, shape
        self.num_positions = math.prod(shape)
        self.num_channels = shape[0] if len(shape) > 1 else 1
        device = next(model.parameters()).device
        self.keys = keys.to(device)
        self.temperature = checked_temperature(temperature, device)
        self.lengths = checked_lengths(lengths, keys.shape[0], self.num_positions, device)
        self.levels = torch.zeros(keys.shape[0], self.num_positions, dtype=torch.int64, device=device)
        self.nll_nats = torch.zeros(keys.shape[0], dtype=torch.float64, device=device)
        self.block = torch.empty(0)

    def draw(self, position: int, parameters: Tensor) -> Tensor:
        """The levels [B] at a position, from parameters [B, P]."""
        distribution: Distribution = self.model.distribution
        levels = distribution.draw(parameters, self.uniforms_at(position), self.temperature)
        is_inside = position < self.lengths
        self.nll_nats += distribution.nll_nats(parameters, levels).double().masked_fill(~is_inside, 0)
        self.levels[:, position] = levels * is_inside
        return levels

    def uniforms_at(self, position: int) -> Tensor:
        """Uniforms [B, U]; counter (pixel, channel) for an image, (timestep, 0) for a waveform."""
        within = position % PROGRESS_EVERY
        if within == 0:
            numbers = torch.arange(position, position + PROGRESS_EVERY, device=self.keys.device)
            places, channels = numbers // self.num_channels, numbers % self.num_channels
            self.block = uniforms(self.keys, places, channels, self.model.distribution.num_uniforms)
        return self.block[:, within]

    def report(self, position: int, on_progress: OnProgress | None) -> None:
        """Call on_progress where it is due, after this position."""
        done = position + 1
        if on_progress is not None and (done % PROGRESS_EVERY == 0 or done == self.num_positions):
            on_progress(done)

    def items(self, sequence: Tensor) -> Tensor:
        """Positions in drawing order [B, N] to items [B, *shape]."""
        return self.model.from_sequence(sequence, self.shape)

    def drawn(self) -> Drawn:
        """What has been drawn; copied outside `sampling_mode`, so that gradients may flow through it.

        ValueError where the model gave no probabilities: a draw from NaN is a level like any other, and would pass.
        """
        if not bool(self.nll_nats.isfinite().all()):
            lanes = (~self.nll_nats.isfinite()).nonzero().flatten().tolist()
            raise ValueError(
                f"the model's parameters are not finite (lanes {lanes}): its weights are damaged or diverged"
            )
        return Drawn(self.items(self.levels).clone(), self.nll_nats.clone())


def checked_temperature(temperature: float | Tensor, device: torch.device) -> float | Tensor:
    """The temperature, one or one per lane; ValueError unless above zero."""
    values = torch.as_tensor(temperature)
    if not bool((values > 0).all()):
        raise ValueError(f"a temperature is above 0 (1 follows the model), got {values.min().item()}")
    return temperature.to(device) if isinstance(temperature, Tensor) else temperature


def checked_lengths(lengths: Tensor | None, num_lanes: int, num_positions: int, device: torch.device) -> Tensor:
    """Lengths [B] in positions, the full one where none are given; ValueError for one that does not fit."""
    if lengths is None:
        return torch.full((num_lanes,), num_positions, device=device)
    if lengths.shape != (num_lanes,) or not bool(((lengths >= 0) & (lengths <= num_positions)).all()):
        raise ValueError(f"lengths must be {num_lanes} numbers from 0 to {num_positions}, got {lengths.tolist()}")
    return lengths.to(device)


@contextmanager
def sampling_mode(model: Autoregressive) -> Iterator[None]:
    """No gradients, no dropout; the model's own mode comes back after."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)
