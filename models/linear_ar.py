"""Linear autoregression of order p, the oldest model of the family and the one whose answers are known.

    x_t = c + Σ_i φ_i x_{t-i} + ε_t,    ε_t ~ N(0, σ²),    i = 1 ... p                                              (1)

Its mean is c / (1 - Σ φ_i) (the intercept c is not the mean), it is stationary when every root of
z^p - φ_1 z^{p-1} - ... - φ_p lies inside the unit circle, and its entropy rate is ½ log2(2πe σ²) bits: no model of such
a series scores better, so what the whole pipeline measures can be held to it. On levels Δ apart, fine against σ, the
rate is ½ log2(2πe σ²) - log2 Δ.

`LinearProcess` is (1) on the reals, with two ways to fit it (Brockwell and Davis, "Time Series: Theory and Methods",
1991, sections 3.1, 5.2, 8.1). `LinearAR` is the same as a model over levels.

Axes: B batch, T timestep, p order.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.autoregressive import WaveformModel
from models.causal_conv import shift
from models.conditioning import Condition, ConditionConfig, check_condition
from models.distributions import DiscretisedGaussian, scaled


@dataclass(frozen=True)
class LinearProcess:
    """Equation (1): coefficients φ [p] float64 (φ_1, that of the newest value, first), intercept c, noise scale σ."""

    coefficients: Tensor
    intercept: float
    noise_scale: float

    @property
    def order(self) -> int:
        """P, how many values back it looks."""
        return self.coefficients.shape[0]

    @property
    def is_stationary(self) -> bool:
        """Whether every root of z^p - φ_1 z^{p-1} - ... - φ_p lies inside the unit circle."""
        companion = torch.zeros(self.order, self.order, dtype=torch.float64)
        companion[0] = self.coefficients
        companion[1:, :-1] = torch.eye(self.order - 1, dtype=torch.float64)
        return bool(torch.linalg.eigvals(companion).abs().max() < 1)

    @property
    def mean(self) -> float:
        """The mean, c / (1 - Σ φ_i)."""
        return self.intercept / (1 - float(self.coefficients.sum()))

    @property
    def entropy_rate_bits(self) -> float:
        """½ log2(2πe σ²) bits per timestep."""
        return entropy_rate_bits(self.noise_scale)


def entropy_rate_bits(noise_scale: float) -> float:
    """½ log2(2πe σ²): the entropy rate in bits per timestep of a process whose noise has scale σ."""
    return 0.5 * math.log2(2 * math.pi * math.e * noise_scale**2)


def simulate(process: LinearProcess, num_series: int, num_timesteps: int, seed: int, burn_in: int = 1000) -> Tensor:
    """Series [num_series, num_timesteps] float64 drawn from a process.

    They start at the mean; the first burn_in values, which still remember that, are dropped. ValueError for a process
    that is not stationary: it runs away.
    """
    if not process.is_stationary:
        raise ValueError(f"the process is not stationary: coefficients {process.coefficients.tolist()}")
    generator = torch.Generator().manual_seed(seed)
    total = process.order + burn_in + num_timesteps
    x = torch.randn(total, num_series, generator=generator, dtype=torch.float64) * process.noise_scale
    x[: process.order] = process.mean
    newest_last = process.coefficients.flip(0)
    for t in range(process.order, total):
        x[t] += process.intercept + newest_last @ x[t - process.order : t]
    return x[-num_timesteps:].T.contiguous()


def fit_least_squares(series: Tensor, order: int) -> LinearProcess:
    """The process that predicts series [B, T] best in squared error, at every position with p values before it.

    ValueError for series too short to determine p + 1 numbers.
    """
    require_length(series, order)
    windows = series.double().unfold(1, order + 1, 1).reshape(-1, order + 1)
    design = torch.cat([windows[:, :-1].flip(1), torch.ones_like(windows[:, :1])], 1)
    target = windows[:, -1:]
    solution = torch.linalg.lstsq(design, target, driver="gelsd").solution
    residual = target - design @ solution
    return LinearProcess(solution[:-1, 0], float(solution[-1]), float(residual.square().mean().sqrt()))


def fit_yule_walker(series: Tensor, order: int) -> LinearProcess:
    """The process whose autocovariances are those of series [B, T]: the Yule-Walker equations, by Levinson-Durbin.

    Each step adds one coefficient, the reflection κ, and shrinks the error by 1 - κ². The autocovariances are divided
    by T at every lag (not T - lag), which keeps the answer stationary.
    """
    require_length(series, order)
    mean = float(series.double().mean())
    autocovariance = autocovariances(series.double() - mean, order)
    coefficients = torch.zeros(0, dtype=torch.float64)
    error = float(autocovariance[0])
    if error == 0:
        raise ValueError("the series is constant: it has no autocovariance to fit")
    for lag in range(1, order + 1):
        reflection = float(autocovariance[lag] - coefficients @ autocovariance[1:lag].flip(0)) / error
        newest = torch.tensor([reflection], dtype=torch.float64)
        coefficients = torch.cat([coefficients - reflection * coefficients.flip(0), newest])
        error *= 1 - reflection**2
    return LinearProcess(coefficients, mean * (1 - float(coefficients.sum())), math.sqrt(error))


def autocovariances(centred: Tensor, max_lag: int) -> Tensor:
    """Autocovariances [max_lag + 1] of series [B, T] whose mean was taken away, averaged over series."""
    length = centred.shape[1]
    return torch.stack(
        [(centred[:, lag:] * centred[:, : length - lag]).sum(1).mean() / length for lag in range(max_lag + 1)]
    )


def require_length(series: Tensor, order: int) -> None:
    """A ValueError unless series [B, T] hold more equations than unknowns."""
    num_equations = series.shape[0] * (series.shape[1] - order)
    if num_equations <= order + 1:
        raise ValueError(
            f"order {order} needs more than {order + 1} predictable values, got series of {tuple(series.shape)}"
        )


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
        if x.shape[0] * (x.shape[1] - self.config.order) <= self.config.order + 1:
            return
        process = fit_least_squares(scaled(x, self.config.num_levels).cpu(), self.config.order)
        self.coefficients.copy_(process.coefficients)
        self.intercept.fill_(process.intercept)
        self.log_scale.fill_(math.log(max(process.noise_scale, 1e-6)))  # a constant series has no noise at all

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
