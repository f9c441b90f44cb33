"""Linear autoregression of order p over levels: the model that the pipeline is held to, since its answers are known.

    x_t = c + Σ_i φ_i x_{t-i} + ε_t,    ε_t ~ N(0, σ²),    i = 1 ... p                                              (1)

on levels scaled to [-1, 1], with a discretised Gaussian for each level. The process on the reals, its entropy rate and
its spectrum stand in `linear_process.py`, ways to fit it in `linear_fits.py`, the choice of p in `linear_order.py`.

Axes: B batch, T timestep, p order.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.autoregressive import WaveformModel
from models.conditioning import Condition, ConditionConfig, check_condition
from models.distributions import DiscretisedGaussian, scaled
from models.layers.causal_conv import shift
from models.linear_fits import fit_least_squares, is_long_enough

SMALLEST_SCALE = 1e-6
"""Of the noise at the start: a constant series has none at all, and its logarithm is not finite."""


@dataclass(frozen=True)
class LinearARConfig:
    """How many values back the model looks, and over how many levels.

    `order` is 16 because two poles for each formant of 8 kHz speech and a few for the source make about that many.
    """

    order: int = 16
    num_levels: int = 256

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ValueError(f"order must be at least 1, got {self.order}")


class LinearAR(WaveformModel):
    """Equation (1) on levels scaled to [-1, 1], with a discretised Gaussian for each level.

    Zeros of the scaled input stand before timestep 0. `initialise` fits it by least squares on the first batch; the
    gradient takes it on from there. It takes no condition.
    """

    distribution: DiscretisedGaussian

    def __init__(self, config: LinearARConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = DiscretisedGaussian(config.num_levels)
        bound = 0.5 / config.order  # Σ|φ| < 1: stationary from the start
        self.coefficients = nn.Parameter(torch.empty(config.order).uniform_(-bound, bound))
        self.intercept = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.tensor(math.log(0.5)))

    @property
    def receptive_field(self) -> int:
        """The order."""
        return int(self.config.order)

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:
        """A multiplication and an addition for each value looked back at."""
        return 2 * float(self.config.order)

    @torch.no_grad()
    def initialise(self, x: Tensor, condition: Condition | None = None) -> None:
        """Least squares on levels x [B, T]; series too short to fit leave the model as it is."""
        values = scaled(x, self.config.num_levels).cpu().unsqueeze(-1)
        if not is_long_enough(values, self.config.order):
            return
        process = fit_least_squares(values, self.config.order)
        self.coefficients.copy_(process.coefficients.flatten())
        self.intercept.copy_(process.intercept.squeeze())
        self.log_scale.copy_(process.noise_covariance.sqrt().clamp(min=SMALLEST_SCALE).log().squeeze())

    def encode(self, x: Tensor) -> Tensor:
        """Levels [B, T] to the reals they stand at [B, T, 1]."""
        return scaled(x, self.config.num_levels).to(self.coefficients.dtype).unsqueeze(-1)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:
        """Inputs [B, T, 1] to mean and log scale [B, T, 2]."""
        check_condition(ConditionConfig(), condition, inputs.shape[0])
        delayed = shift(inputs).squeeze(-1)
        windows = nn.functional.pad(delayed, (self.config.order - 1, 0)).unfold(1, self.config.order, 1)
        return self.parameters_from(windows)

    def parameters_from(self, windows: Tensor) -> Tensor:
        """The last p values [..., p], newest last, to mean and log scale [..., 2]."""
        mean = self.intercept + (windows * self.coefficients.flip(0)).sum(-1)
        return torch.stack([mean, self.log_scale.expand_as(mean)], -1)

    def init_cache(self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> Tensor:
        """The last p values [B, p], newest last: zeros before the first."""
        check_condition(ConditionConfig(), condition, batch_size)
        return torch.zeros(
            batch_size, self.config.order, dtype=self.coefficients.dtype, device=self.coefficients.device
        )

    @torch.no_grad()
    def step(self, x_previous: Tensor | None, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale [B, 2] of the next level."""
        if x_previous is not None:
            cache = torch.cat([cache[:, 1:], self.encode(x_previous)], 1)
        return self.parameters_from(cache), cache
