"""What every model here is: a product of conditionals, p(x) = Π p(x_n | x_<n, condition).

Axes: B batch, N position in the order of drawing, T timestep, F frame, C channel, H W, K levels, P parameters.

A model maps integer levels to the parameters of a distribution over the next level; it never sees companding, files or
Ray. Positions are numbered in the order in which they are drawn: timestep by timestep for a waveform; for an image row
by row, pixel by pixel, channel by channel, the channel fastest (a multi-scale model begins with every f-th pixel).

    parameters        = model(x, condition)              # teacher-forced: every position, given the ones before it
    cache             = model.init_cache(batch_size, condition, shape)
    parameters, cache = model.step(x_previous, cache)    # one position; x_previous is None at the first

`step` repeated equals `forward` at every position, the first ones included. Both put the same thing before position 0:
zeros at each layer's input, as zero padding does. The shift (the parameters at n depend on x_<n alone) happens in one
place in each model.

`forward` is `encode` (levels to real inputs, position by position) followed by `predict`; the two are apart so that
causality can be proved by the gradient of `predict` with respect to its inputs.

`distributions.py` scores and draws; `sampling/` owns the loop, the random numbers, and what departs from the model.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.conditioning import Condition, ConditionConfig
from models.distributions import Distribution

Cache = Any
"""Whatever a model carries from one step to the next. Passing a cache to `step` gives it up: use the one returned."""


class Autoregressive(nn.Module, ABC):
    """A distribution over integer levels that is drawn position by position."""

    config: Any
    """The frozen dataclass that the model was built from: with the weights, all there is to it."""

    distribution: Distribution

    @property
    def condition_config(self) -> ConditionConfig:
        """What the model is conditioned on: its config's `condition`; nothing, where the config has none."""
        condition: ConditionConfig = getattr(self.config, "condition", ConditionConfig())
        return condition

    def forward(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Levels x ([B, T] or [B, C, H, W], int64) to parameters ([B, T, P] or [B, C, H, W, P]), teacher-forced."""
        return self.predict(self.encode(x), condition)

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """Levels to real inputs, each position by itself: [B, T, D] for a waveform, [B, C, H, W] for an image."""

    @abstractmethod
    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:
        """Real inputs to the parameters at every position; those at n depend on the inputs before n alone."""

    @abstractmethod
    def init_cache(self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> Cache:
        """The cache before the first position of items of `shape`: (T,) or (C, H, W)."""

    @abstractmethod
    def step(self, x_previous: Tensor | None, cache: Cache) -> tuple[Tensor, Cache]:
        """Parameters [B, P] at the next position, given the level [B] just drawn; None at the first position."""

    @abstractmethod
    def to_sequence(self, x: Tensor) -> Tensor:
        """Items to positions in drawing order: [B, *shape, ...] to [B, N, ...] (parameters keep their last axis)."""

    @abstractmethod
    def from_sequence(self, sequence: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The inverse: [B, N] to [B, *shape]."""

    @torch.no_grad()
    def initialise(self, x: Tensor, condition: Condition | None = None) -> None:
        """Set parameters from the first batch, where a paper asks for it; most models have nothing to do."""

    def nll_nats(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Negative log-likelihood of each level, in nats, shaped as x."""
        return self.distribution.nll_nats(self(x, condition), x)

    def units(self) -> Sequence[nn.Module]:
        """The large parts that `forward` calls one after another, each as a whole by its own `forward`.

        Training spreads their weights over workers and recomputes their insides one block at a time. Together they hold
        most of the weights; what is in none of them is treated as one more.
        """
        return ()

    def num_parameters(self) -> int:
        """How many numbers training adjusts."""
        return sum(parameter.numel() for parameter in self.parameters())

    @abstractmethod
    def flops_per_draw(self, shape: tuple[int, ...]) -> float:
        """Floating-point operations that one draw of an item of `shape` takes at the least, with a cache.

        The mean over the item's positions; what is counted stands in `cost.py`.
        """


class WaveformModel(Autoregressive):
    """Items are [B, T]; the order of drawing is time."""

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """How many timesteps before t the parameters at t depend on, exactly (at the t that look furthest back)."""

    @property
    def alignment(self) -> int:
        """What lies within an item begins at a multiple of this many timesteps: frames, and blocks of a context stack.

        A stretch that is cut out of an item and begins elsewhere would give other parameters.
        """
        return self.condition_config.hop

    @property
    def margin(self) -> int:
        """Timesteps to either side of what is cut out of an item whose frames it needs: those it interpolates with."""
        config = self.condition_config
        return config.hop // 2 if config.has_local and config.upsampling == "linear" else 0

    def to_sequence(self, x: Tensor) -> Tensor:  # noqa: D102
        return x

    def from_sequence(self, sequence: Tensor, shape: tuple[int, ...]) -> Tensor:  # noqa: D102
        return sequence.reshape(sequence.shape[0], *shape)


class ImageModel(Autoregressive):
    """Items are [B, C, H, W]; the order of drawing is row, column, channel (`multiscale.py` has one of its own)."""

    @abstractmethod
    def receptive_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:
        """[H, W] bool: which other pixels of an item of `shape` the parameters of a pixel depend on, exactly."""

    def to_sequence(self, x: Tensor) -> Tensor:  # noqa: D102
        return x.movedim(1, 3).flatten(1, 3)

    def from_sequence(self, sequence: Tensor, shape: tuple[int, ...]) -> Tensor:  # noqa: D102
        channels, height, width = shape
        return sequence.reshape(-1, height, width, channels).movedim(3, 1).contiguous()


class MapImageModel(ImageModel):
    """A picture model whose layers a map can condition, and which so can draw a picture around a smaller one."""

    @abstractmethod
    def conditioned_field(self, shape: tuple[int, ...], row: int, column: int) -> Tensor:
        """[H, W] bool: at which pixels what a condition's map adds reaches the parameters of a pixel, exactly."""
