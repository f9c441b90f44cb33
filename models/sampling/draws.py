"""What both samplers share: the random numbers, one draw for all lanes, and what is kept of it.

Axes: B lane, R row (`guidance.py`), N position in drawing order, P parameters, U uniforms.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from models.autoregressive import Autoregressive, WaveformModel
from models.counter_random import uniforms
from models.sampling.choosing import Chooser
from models.sampling.departures import Departures
from models.sampling.guidance import rows_of
from models.sampling.kept import Kept, sequence_of
from models.sampling.state import State, copied, fill, narrow

OnProgress = Callable[[int], None]
"""Called with the number of positions done so far, now and then and at the end. What it raises stops the sampling."""

PROGRESS_EVERY = 256
"""Positions between two reports; also how many positions' uniforms are made at once."""


@dataclass(frozen=True)
class Drawn:
    """Levels [B, *shape] int64, and nll_nats [B] float64 of what was drawn: the model's own, exact, at temperature 1.

    Given levels (`kept.py`) are among the levels and do not count in nll_nats.
    """

    levels: Tensor
    nll_nats: Tensor


class Draws:
    """Draws level after level for B lanes, and adds up their negative log-likelihood.

    All is computed for R rows: the lanes, then a second row for each that is guided (`guidance.py`).
    """

    def __init__(
        self,
        model: Autoregressive,
        shape: tuple[int, ...],
        keys: Tensor,
        departures: Departures,
        lengths: Tensor | None,
        kept: Kept | None,
    ) -> None:
        refuse_picture_shape(model, shape)
        self.model, self.shape = model, shape
        self.num_positions = math.prod(shape)
        self.num_channels = shape[0] if len(shape) > 1 else 1
        num_lanes, device = keys.shape[0], next(model.parameters()).device
        lane_departures = departures.for_lanes(num_lanes, device)
        self.rows = rows_of(model, lane_departures.guidance)
        self.chooser = Chooser(model.distribution, self.rows, lane_departures)
        self.keys = keys.to(device)[self.rows.lane]
        self.lengths = checked_lengths(lengths, num_lanes, self.num_positions, device)[self.rows.lane]
        self.kept = None if kept is None else sequence_of(kept, model, shape, num_lanes).rows(self.rows.lane)
        self.levels = torch.zeros(self.num_rows, self.num_positions, dtype=torch.int64, device=device)
        self.nll_nats = torch.zeros(self.num_rows, dtype=torch.float64, device=device)
        self.block = torch.empty(0)

    @property
    def num_rows(self) -> int:
        """R: how many items the model computes side by side."""
        return len(self.rows.lane)

    def draw(self, position: int, parameters: Tensor) -> Tensor:
        """The levels [R] at a position, from parameters [R, P]; given ones where they are kept."""
        given = None if self.kept is None else (self.kept.levels[:, position], self.kept.mask[:, position])
        is_inside = position < self.lengths
        levels = self.counted(parameters, self.uniforms_at(position), is_inside, given)
        self.levels[:, position] = levels * is_inside
        return levels

    def counted(
        self, parameters: Tensor, uniforms: Tensor, is_inside: Tensor, given: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Levels [R] from parameters [R, P] and uniforms [R, U]; what is drawn inside of an item counts in nll_nats.

        `given` are levels and a mask [R] of where they are kept.
        """
        levels, is_counted = self.chooser.levels(parameters, uniforms), is_inside
        if given is not None:
            levels, is_counted = torch.where(given[1], given[0], levels), is_inside & ~given[1]
        nll_nats = self.model.distribution.nll_nats(parameters, levels)
        self.nll_nats += nll_nats.double().masked_fill(~is_counted, 0)
        return levels

    def uniforms_at(self, position: int) -> Tensor:
        """Uniforms [R, U]; counter (pixel, channel) for an image, (timestep, 0) for a waveform."""
        within = position % PROGRESS_EVERY
        if within == 0:
            end = min(position + PROGRESS_EVERY, self.num_positions)
            numbers = torch.arange(position, end, device=self.keys.device)
            places, channels = numbers // self.num_channels, numbers % self.num_channels
            self.block = uniforms(self.keys, places, channels, self.model.distribution.num_uniforms)
        return self.block[:, within]

    def report(self, position: int, on_progress: OnProgress | None) -> None:
        """Call on_progress where it is due, after this position."""
        done = position + 1
        if on_progress is not None and (done % PROGRESS_EVERY == 0 or done == self.num_positions):
            on_progress(done)

    def state(self, position: int) -> State:
        """What is drawn before a position, a multiple of PROGRESS_EVERY."""
        return State(copied({"levels": narrow(self.levels[:, :position]), "nll_nats": self.nll_nats}))

    def restore(self, position: int, state: State) -> None:
        """The same again."""
        levels = state.tensors["levels"].to(torch.int64)
        fill({"levels": self.levels[:, :position], "nll_nats": self.nll_nats}, {**state.tensors, "levels": levels})

    def items(self, sequence: Tensor) -> Tensor:
        """Positions in drawing order [R, N] to items [R, *shape]."""
        return self.model.from_sequence(sequence, self.shape)

    def drawn(self) -> Drawn:
        """What the lanes have drawn; copied outside `sampling_mode`, so that gradients may flow through it.

        ValueError where the model gave no probabilities: a draw from NaN is a level like any other, and would pass.
        """
        if not bool(self.nll_nats.isfinite().all()):
            lanes = sorted(set(self.rows.lane[~self.nll_nats.isfinite()].tolist()))
            raise ValueError(
                f"the model's parameters are not finite (lanes {lanes}): its weights are damaged or diverged"
            )
        lanes_alone = slice(self.rows.num_lanes)
        return Drawn(self.items(self.levels[lanes_alone]).clone(), self.nll_nats[lanes_alone].clone())


def refuse_picture_shape(model: Autoregressive, shape: tuple[int, ...]) -> None:
    """A ValueError for a waveform of more than one axis: it would be drawn, in an order that no model has learnt."""
    if isinstance(model, WaveformModel) and len(shape) != 1:
        raise ValueError(f"the model makes waveforms: expected a shape (T,), got {tuple(shape)}")


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
