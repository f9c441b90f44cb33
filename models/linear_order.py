"""How many values back a linear autoregression should look: criteria of order (lowest is best).

With Σ_m the noise covariance of the least-squares fit of order m to N values of D dimensions, q = mD + 1 the unknowns
in one equation (Lütkepohl, "New Introduction to Multiple Time Series Analysis", 2005, section 4.3; AICc: Brockwell and
Davis, "Time Series: Theory and Methods", 1991, section 9.3):

    AIC     ln det Σ_m + 2 m D² / N                                    Akaike, 1974
    AICc    ln det Σ_m + D (N + q) / (N - q - D - 1)                   Hurvich and Tsai, 1989; for vectors 1993
    BIC     ln det Σ_m + ln(N) m D² / N                                Schwarz, 1978
    FPE     ((N + q) / (N - q))^D det Σ_m                              Akaike, 1969

AIC and FPE estimate how well the fit predicts another series, and keep a chance of an order too high however long the
series; AICc is AIC without its bias at small N; BIC finds the true order of a long series. What all orders share is
left out of AIC and BIC (the intercept, Σ, D ln 2π + D), so others' figures differ from these by a constant.

All orders are fitted to the same N values, those with max_order before them: the scores of fits to different stretches
could not be compared.

Axes: B batch (series), T timestep, D dimension.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from models.linear_fits import Units, autocovariances, fit_least_squares, require_independent
from models.linear_process import as_vectors


@dataclass(frozen=True)
class Fit:
    """What a criterion knows of a fit: ln det Σ_m, m, D, N."""

    log_det_noise: float
    order: int
    dimension: int
    num_values: int

    @property
    def num_coefficients(self) -> int:
        """How many numbers its coefficients are: m D²."""
        return self.order * self.dimension**2

    @property
    def unknowns(self) -> int:
        """How many numbers one equation has to find: q = mD + 1."""
        return self.order * self.dimension + 1


def aic(fit: Fit) -> float:
    """Akaike's information criterion."""
    return fit.log_det_noise + 2 * fit.num_coefficients / fit.num_values


def aicc(fit: Fit) -> float:
    """The same, corrected for a small N."""
    left = fit.num_values - fit.unknowns - fit.dimension - 1
    return fit.log_det_noise + fit.dimension * (fit.num_values + fit.unknowns) / left


def bic(fit: Fit) -> float:
    """Schwarz's Bayesian criterion."""
    return fit.log_det_noise + math.log(fit.num_values) * fit.num_coefficients / fit.num_values


def fpe(fit: Fit) -> float:
    """Akaike's final prediction error, in the units of the series, squared, to the power D."""
    inflation = (fit.num_values + fit.unknowns) / (fit.num_values - fit.unknowns)
    return math.exp(fit.log_det_noise) * inflation**fit.dimension


CRITERIA: Mapping[str, Callable[[Fit], float]] = MappingProxyType({"aic": aic, "aicc": aicc, "bic": bic, "fpe": fpe})


@dataclass(frozen=True, eq=False)
class OrderScores:
    """By criterion: the scores [max_order + 1] of orders 0, 1, ..., max_order, and the order of the lowest."""

    scores: Mapping[str, Tensor]
    best: Mapping[str, int]


def score_orders(series: Tensor, max_order: int) -> OrderScores:
    """The orders 0 to max_order on series [B, T, D] (or [B, T]), by every criterion.

    ValueError for series too short, and for those that vary in fewer directions than they have dimensions.
    """
    vectors = as_vectors(series)
    require_enough(vectors, max_order)
    require_independent(autocovariances(Units.of(vectors).standardised(vectors), 0)[0])
    fits = [fitted(vectors, order, max_order) for order in range(max_order + 1)]
    scores = {name: torch.tensor([score(fit) for fit in fits], dtype=torch.float64) for name, score in CRITERIA.items()}
    return OrderScores(scores, {name: int(values.argmin()) for name, values in scores.items()})


def fitted(vectors: Tensor, order: int, max_order: int) -> Fit:
    """The fit of an order to the values of series [B, T, D] that have max_order before them."""
    num_series, length, dimension = vectors.shape
    process = fit_least_squares(vectors[:, max_order - order :], order)
    return Fit(process.log_det_noise, order, dimension, num_series * (length - max_order))


def require_enough(vectors: Tensor, max_order: int) -> None:
    """A ValueError unless every criterion has more values than it takes away."""
    num_series, length, dimension = vectors.shape
    needed = (max_order + 1) * dimension + 3
    if num_series * (length - max_order) < needed:
        raise ValueError(
            f"orders up to {max_order} need {needed} values that have {max_order} before them, "
            f"got series of {tuple(vectors.shape)}"
        )
