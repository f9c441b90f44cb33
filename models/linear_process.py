"""Linear autoregression of order p on the reals, scalar or vector: the oldest process of all, whose answers are known.

    x_t = c + Σ_i A_i x_{t-i} + ε_t,    ε_t ~ N(0, Σ),    i = 1 ... p                                              (1)

With p values side by side, Z_t = (x_t, ..., x_{t-p+1}), it is a recursion of order one,

    Z_t - E Z = F (Z_{t-1} - E Z) + (ε_t, 0, ..., 0),    F = [A_1 ... A_p; I 0], the companion matrix,               (2)

and everything else follows (Lütkepohl, "New Introduction to Multiple Time Series Analysis", 2005, section 2.1; for a
scalar, and for the spectrum, Brockwell and Davis, "Time Series: Theory and Methods", 1991, sections 3.3 and 4.4):

    stationary         when every eigenvalue of F lies inside the unit circle
    mean               μ = (I - Σ_i A_i)^-1 c; the intercept c is not the mean
    autocovariance     Γ(h) = E (x_t - μ)(x_{t-h} - μ)ᵀ, the first block of F^h P, where P = F P Fᵀ + (Σ, 0, ..., 0)
    spectrum           S(f) = H(f) Σ H(f)*, H(f) = (I - Σ_k A_k e^{-2πi f k})^-1; over -½ < f < ½ it integrates to Γ(0)
    entropy rate       ½ log2((2πe)^D det Σ) bits per timestep

No model of such a series scores better than the entropy rate, so what a whole pipeline measures can be held to it. On
levels Δ apart, fine against Σ, the rate is D log2 Δ less.

A scalar is D = 1. Order 0 is noise about a mean; its F is that of order 1 with A_1 = 0. All is float64.

Axes: B batch (series), T timestep, D dimension, p order, N frequency.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDING = torch.finfo(torch.float64).eps

SMALLEST_COEFFICIENT = 1e-150
"""Far below rounding beside the ones in F; LAPACK may not find the eigenvalues of a matrix with smaller entries."""

MOST_DOUBLINGS = 64
"""A root within 2^-53 of the unit circle is as near as float64 can tell; its terms are gone after 2^60."""

LONGEST_BURN_IN = 2**20
"""Timesteps that `simulate` takes on its own account: some seconds."""


@dataclass(frozen=True, eq=False)
class LinearProcess:
    """Equation (1): coefficients A [p, D, D], A_1 (of the newest value) first; intercept c [D]; noise covariance Σ."""

    coefficients: Tensor
    intercept: Tensor
    noise_covariance: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(value.shape) for value in (self.coefficients, self.intercept, self.noise_covariance)]
        num_values = self.intercept.numel()
        if shapes != [(self.coefficients.shape[0], num_values, num_values), (num_values,), (num_values, num_values)]:
            raise ValueError(
                f"expected coefficients [p, D, D], intercept [D] and noise covariance [D, D], got {shapes}; "
                "a scalar process is made by LinearProcess.scalar"
            )
        if any(value.dtype != torch.float64 for value in (self.coefficients, self.intercept, self.noise_covariance)):
            raise ValueError("a linear process is float64: near a unit root float32 tells it from another one")
        require_covariance(self.noise_covariance)

    @classmethod
    def scalar(cls, coefficients: Sequence[float], intercept: float = 0.0, noise_scale: float = 1.0) -> "LinearProcess":
        """x_t = c + Σ φ_i x_{t-i} + σ ε_t: coefficients φ_1, φ_2, ...; the noise by its scale σ, not its variance."""
        return cls(
            torch.tensor(coefficients, dtype=torch.float64).reshape(-1, 1, 1),
            torch.tensor([intercept], dtype=torch.float64),
            torch.tensor([[noise_scale**2]], dtype=torch.float64),
        )

    @property
    def order(self) -> int:
        """How many values back it looks: p."""
        return self.coefficients.shape[0]

    @property
    def dimension(self) -> int:
        """How many numbers a value has: D."""
        return self.intercept.shape[0]

    @property
    def companion(self) -> Tensor:
        """F [p·D, p·D] of equation (2), p at least 1."""
        size = max(self.order, 1) * self.dimension
        matrix = torch.diag(torch.ones(size - self.dimension, dtype=torch.float64), -self.dimension)
        matrix[: self.dimension, : self.order * self.dimension] = self.coefficients.transpose(0, 1).flatten(1)
        return matrix

    @property
    def spectral_radius(self) -> float:
        """The largest eigenvalue of F in magnitude: how much of the past is left, a timestep later, in the long run."""
        matrix = self.companion
        matrix[matrix.abs() < SMALLEST_COEFFICIENT] = 0
        return float(torch.linalg.eigvals(matrix).abs().max())

    @property
    def is_stationary(self) -> bool:
        """Whether every eigenvalue of F lies inside the unit circle."""
        return self.spectral_radius < 1

    @property
    def mean(self) -> Tensor:
        """μ [D] = (I - Σ A_i)^-1 c. ValueError for a process that is not stationary: it has none."""
        self.require_stationary()
        mean: Tensor = torch.linalg.solve(torch.eye(self.dimension) - self.coefficients.sum(0), self.intercept)
        return mean

    @property
    def entropy_rate_bits(self) -> float:
        """½ log2((2πe)^D det Σ) bits per timestep; -inf where the noise leaves some direction alone."""
        return 0.5 * (self.dimension * math.log(2 * math.pi * math.e) + self.log_det_noise) / math.log(2)

    @property
    def log_det_noise(self) -> float:
        """The natural logarithm of det Σ."""
        return float(torch.logdet(self.noise_covariance))

    @property
    def burn_in(self) -> int:
        """How many timesteps from its mean until its covariance is Γ(0), to rounding: a power of two."""
        return self._settled()[1]

    def autocovariance(self, max_lag: int) -> Tensor:
        """Γ(0), ..., Γ(max_lag) [max_lag + 1, D, D], by the parameters. ValueError where it is not stationary."""
        beside_newest = self._settled()[0][:, : self.dimension]
        lags = []
        for _ in range(max_lag + 1):
            lags.append(beside_newest[: self.dimension])
            beside_newest = self.companion @ beside_newest
        return torch.stack(lags)

    def _settled(self) -> tuple[Tensor, int]:
        """P [p·D, p·D], the covariance of Z, and how many terms of P = Σ_k F^k Q (F^k)ᵀ it took.

        Each pass doubles their number (Smith, "Matrix equation XA + BX = C", 1968). The first n terms are the
        covariance n timesteps after a start at the mean.
        """
        self.require_stationary()
        power, num_terms = self.companion, 1
        covariance = torch.zeros_like(power)
        covariance[: self.dimension, : self.dimension] = self.noise_covariance
        for _ in range(MOST_DOUBLINGS):
            more = power @ covariance @ power.T
            if (more.diagonal() <= ROUNDING * covariance.diagonal()).all():
                return covariance, num_terms
            covariance, power, num_terms = covariance + more, power @ power, 2 * num_terms
        raise ValueError(f"spectral radius {self.spectral_radius}: too near 1 for a covariance in float64")

    def spectrum(self, cycles_per_timestep: Tensor) -> Tensor:
        """S(f) [N, D, D] complex at frequencies [N], two-sided; over one cycle per timestep it integrates to Γ(0)."""
        self.require_stationary()
        lags = torch.arange(1, self.order + 1, dtype=torch.float64)
        delays = torch.exp(-2j * math.pi * torch.outer(cycles_per_timestep.double(), lags))
        told = torch.einsum("np,pij->nij", delays, self.coefficients.to(delays.dtype))
        transfer: Tensor = torch.linalg.inv(torch.eye(self.dimension) - told)
        return transfer @ self.noise_covariance.to(delays.dtype) @ transfer.mH

    def spectrum_per_hz(self, frequencies_hz: Tensor, sample_rate_hz: float) -> Tensor:
        """The same per hertz [N, D, D] at frequencies in hertz; from -rate/2 to rate/2 it integrates to Γ(0)."""
        return self.spectrum(frequencies_hz / sample_rate_hz) / sample_rate_hz

    def residuals(self, series: Tensor) -> Tensor:
        """ε [B, T-p, D] of series [B, T, D] (or [B, T]): what the p values before each do not tell of it."""
        vectors = as_vectors(series)
        if vectors.shape[1] < self.order or vectors.shape[2] != self.dimension:
            raise ValueError(
                f"expected series [B, T, D] with T of at least {self.order} and D = {self.dimension}, got "
                f"{tuple(vectors.shape)}"
            )
        return vectors[:, self.order :] - self.intercept - past_values(vectors, self.order) @ newest_first(self)

    def nll_nats(self, series: Tensor) -> Tensor:
        """-log p(x_t | the p values before it) [B, T-p] of series [B, T, D] (or [B, T]), in nats."""
        root, failed = torch.linalg.cholesky_ex(self.noise_covariance)
        if failed:
            raise ValueError(f"there is no density: the noise covariance is singular, {self.noise_covariance.tolist()}")
        independent: Tensor = torch.linalg.solve_triangular(root.T, self.residuals(series), upper=True, left=False)
        constant = self.dimension * math.log(2 * math.pi) + self.log_det_noise
        return 0.5 * (constant + independent.square().sum(-1))

    def require_stationary(self) -> None:
        """A ValueError unless the process is stationary."""
        if not self.is_stationary:
            raise ValueError(
                f"the process is not stationary: its spectral radius is {self.spectral_radius:.6g}, "
                "and must be below 1 for it to have a mean, a spectrum or a series to draw"
            )


def simulate(
    process: LinearProcess, num_series: int, num_timesteps: int, seed: int, burn_in: int | None = None
) -> Tensor:
    """Series [num_series, num_timesteps, D] float64 drawn from a process.

    They start at the mean; the first burn_in values, which still remember that, are dropped: by default as many as it
    takes until that cannot be told. ValueError for a process that is not stationary: it runs away.
    """
    order, dimension = process.order, process.dimension
    start = order + (feasible_burn_in(process) if burn_in is None else burn_in)
    generator = torch.Generator().manual_seed(seed)
    shape = (num_series, start + num_timesteps, dimension)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64) @ symmetric_root(process.noise_covariance)
    x = (noise + process.intercept).flatten(1)
    x[:, : order * dimension] = process.mean.repeat(order)
    oldest_first = process.coefficients.flip(0).mT.flatten(0, 1)
    for now in range(order * dimension, x.shape[1], dimension):
        x[:, now : now + dimension] += x[:, now - order * dimension : now] @ oldest_first
    return x.reshape(shape)[:, start:].contiguous()


def feasible_burn_in(process: LinearProcess) -> int:
    """How many values to drop; a ValueError where they are too many to be drawn unasked."""
    if process.burn_in > LONGEST_BURN_IN:
        raise ValueError(
            f"spectral radius {process.spectral_radius:.9g}: the start is forgotten after {process.burn_in} timesteps "
            f"only, more than {LONGEST_BURN_IN}; say how many to drop by burn_in"
        )
    return process.burn_in


def symmetric_root(covariance: Tensor) -> Tensor:
    """The root of a covariance that is symmetric itself: there is one alone, so a seed always means the same series."""
    variances, directions = torch.linalg.eigh(covariance)
    root: Tensor = directions * variances.clamp(min=0).sqrt() @ directions.T
    return root


def require_covariance(matrix: Tensor) -> None:
    """A ValueError unless a matrix [D, D] is a covariance: symmetric, no variance below zero, up to rounding."""
    tolerance = 1e-10 * float(matrix.abs().max())
    if (matrix - matrix.T).abs().max() > tolerance or torch.linalg.eigvalsh(matrix).min() < -tolerance:
        raise ValueError(f"a covariance is symmetric and has no negative eigenvalue, got {matrix.tolist()}")


def as_vectors(series: Tensor) -> Tensor:
    """Series [B, T, D], or [B, T] of a scalar, as [B, T, D] float64. ValueError for other shapes, inf and NaN."""
    if series.ndim not in (2, 3):
        raise ValueError(f"expected series [B, T, D], or [B, T] of a scalar, got {tuple(series.shape)}")
    vectors = (series if series.ndim == 3 else series.unsqueeze(-1)).double()
    if not vectors.isfinite().all():
        raise ValueError("series hold values that are not finite: cut the series there")
    return vectors


def past_values(vectors: Tensor, order: int) -> Tensor:
    """For each value of series [B, T, D] that has p before it, these [B, T-p, p·D], newest first."""
    windows = vectors.unfold(1, order, 1)[:, : max(vectors.shape[1] - order, 0)]
    return windows.flip(-1).mT.flatten(2)


def newest_first(process: LinearProcess) -> Tensor:
    """A_1ᵀ, ..., A_pᵀ below one another [p·D, D]: what past values, newest first, are multiplied by."""
    return process.coefficients.mT.flatten(0, 1)
