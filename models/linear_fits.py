"""Three ways to fit a linear autoregression (linear_process.py) to series, scalar or vector.

    least squares    predicts best, in squared error, every value that has p values before it
    Yule-Walker      has the autocovariances of the series up to lag p; always stationary
    Burg             errors of prediction forward and backward smallest together, order by order; always stationary

The last two grow a predictor of x_t from the past, Σ_i A_i x_{t-i}, and one from the future, Σ_i B_i x_{t+i}, from
order n to n + 1 at once (Whittle, "On the fitting of multivariate autoregressions", 1963; Wiggins and Robinson, 1965):

    A_{n+1,n+1} = V^½ K U^-½       A_{n+1,i} = A_{n,i} - A_{n+1,n+1} B_{n,n+1-i}      V ← V^½ (I - K Kᵀ) V^½ᵀ
    B_{n+1,n+1} = U^½ Kᵀ V^-½      B_{n+1,i} = B_{n,i} - B_{n+1,n+1} A_{n,n+1-i}      U ← U^½ (I - Kᵀ K) U^½ᵀ        (1)

V and U are the covariances of what the two leave unpredicted, V^½ and U^½ their Cholesky roots, and K is what is left
to know: the correlation of the two errors. For a scalar A = B, V = U, K is the reflection coefficient κ, and (1) is the
recursion of Levinson and Durbin. The two fits differ in K alone:

    Yule-Walker    K = V^-½ Δ U^-½ᵀ,  Δ = Γ(n+1) - Σ_i A_i Γ(n+1-i)                                                  (2)
    Burg           R_ff K + K R_bb = 2 R_fb, where R are sums of products of the two errors, each made white         (3)

(3) is κ = 2 Σ f b / Σ (f² + b²) for a scalar (Burg, 1967), and Nuttall's (1976) and Strand's ("Multichannel complex
maximum entropy (autoregressive) spectral analysis", 1977) for vectors. With K v = s u and Kᵀ u = s v it says
s (uᵀ R_ff u + vᵀ R_bb v) = 2 uᵀ R_fb v, and what s multiplies is at least the right side: s ≤ 1, the fit is stationary.

All series of a batch are taken to come from one process, so they share its mean; nothing is ever predicted across the
seam of two. Each fit works on numbers of mean 0 and variance 1, which spares it the cancellation that a large mean or
unlike units would bring, and is put back in the series' own units.

Axes: B batch (series), T timestep, D dimension, p order, N predicted values of all series, one after the other.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.linear_process import LinearProcess, as_vectors, past_values

SMALLEST_INDEPENDENT = 1e-12
"""A correlation matrix with a smaller eigenvalue is singular up to the rounding of its sums."""


def fit_least_squares(series: Tensor, order: int) -> LinearProcess:
    """The process that predicts series [B, T, D] (or [B, T]) best in squared error, Σ being the mean square left.

    That Σ is the likeliest; the unbiased one divides by N - pD - 1 instead. The fit may come out unstable. Where past
    values depend on each other, so that many fits predict alike, it is the one of the smallest coefficients: zeros for
    a constant. ValueError for series too short.
    """
    vectors = as_vectors(series)
    require_length(vectors, order)
    units = Units.of(vectors)
    values = units.standardised(vectors)
    past, present = past_values(values, order).flatten(0, 1), values[:, order:].flatten(0, 1)
    design = torch.cat([past, past.new_ones(len(past), 1)], 1)
    solution = torch.linalg.lstsq(design, present, driver="gelsd").solution
    residuals = present - design @ solution
    coefficients = solution[:-1].reshape(order, *units.square).mT
    return units.restored(coefficients, solution[-1], residuals.T @ residuals / len(residuals))


def fit_yule_walker(series: Tensor, order: int) -> LinearProcess:
    """The process whose autocovariances are those of series [B, T, D] (or [B, T]): equations (1), (2).

    ValueError for series too short, and for those that vary in fewer directions than they have dimensions.
    """
    vectors = as_vectors(series)
    require_length(vectors, order)
    units = Units.of(vectors)
    lags = autocovariances(units.standardised(vectors), order)
    predictors = Predictors.of_order_zero(lags[0])
    for lag in range(1, order + 1):
        untold = lags[lag] - (predictors.forward @ lags[1:lag].flip(0)).sum(0)
        predictors = predictors.extended(predictors.whitened(untold))
    return units.restored(predictors.forward, torch.zeros_like(units.location), predictors.noise_covariance)


def fit_burg(series: Tensor, order: int) -> LinearProcess:
    """The process whose errors forward and backward over series [B, T, D] (or [B, T]) are smallest: (1), (3).

    Sharper than Yule-Walker on short series and near the unit circle. Σ is that of the recursion, under which a scalar
    has the variance of its series; some take the mean square error over the series instead. ValueError as there.
    """
    vectors = as_vectors(series)
    require_length(vectors, order)
    units = Units.of(vectors)
    forward = backward = units.standardised(vectors)
    predictors = Predictors.of_order_zero(autocovariances(forward, 0)[0])
    for _ in range(order):
        forward, backward = forward[:, 1:], backward[:, :-1]
        predictors = predictors.extended(
            harmonic_reflection(
                whitened_rows(forward.flatten(0, 1), predictors.forward_root),
                whitened_rows(backward.flatten(0, 1), predictors.backward_root),
            )
        )
        newest, oldest = predictors.forward[-1], predictors.backward[-1]
        forward, backward = forward - backward @ newest.T, backward - forward @ oldest.T
    return units.restored(predictors.forward, torch.zeros_like(units.location), predictors.noise_covariance)


@dataclass(frozen=True)
class Predictors:
    """Of order n: forward A [n, D, D] and backward B [n, D, D], and the Cholesky roots V^½ and U^½ of their errors."""

    forward: Tensor
    backward: Tensor
    forward_root: Tensor
    backward_root: Tensor

    @classmethod
    def of_order_zero(cls, covariance: Tensor) -> "Predictors":
        """Nothing is predicted yet: the errors are the values themselves, of this covariance [D, D]."""
        require_independent(covariance)
        nothing, root = covariance.new_zeros(0, *covariance.shape), torch.linalg.cholesky(covariance)
        return cls(nothing, nothing, root, root)

    @property
    def noise_covariance(self) -> Tensor:
        """V, what the past does not tell."""
        return self.forward_root @ self.forward_root.T

    def whitened(self, covariance: Tensor) -> Tensor:
        """V^-½ Δ U^-½ᵀ: a covariance of the two errors, as their correlation."""
        return whitened_rows(
            torch.linalg.solve_triangular(self.forward_root, covariance, upper=False), self.backward_root
        )

    def extended(self, reflection: Tensor) -> "Predictors":
        """Those of order n + 1, by K [D, D]: equation (1)."""
        newest = self.forward_root @ right_divided(reflection, self.backward_root)
        oldest = self.backward_root @ right_divided(reflection.T, self.forward_root)
        return Predictors(
            torch.cat([self.forward - newest @ self.backward.flip(0), newest.unsqueeze(0)]),
            torch.cat([self.backward - oldest @ self.forward.flip(0), oldest.unsqueeze(0)]),
            self.forward_root @ remaining_root(reflection),
            self.backward_root @ remaining_root(reflection.T),
        )


def remaining_root(reflection: Tensor) -> Tensor:
    """The Cholesky root of I - K Kᵀ. ValueError where nothing remains: the values are predicted exactly."""
    remaining = torch.eye(len(reflection), dtype=reflection.dtype) - reflection @ reflection.T
    root: Tensor
    root, failed = torch.linalg.cholesky_ex(remaining)
    if failed:
        raise ValueError("the series are predicted exactly, without any noise, by a lower order: fit that one")
    return root


def harmonic_reflection(forward: Tensor, backward: Tensor) -> Tensor:
    """K [D, D] of equation (3), from the errors [N, D] made white: solved where R_ff and R_bb are diagonal."""
    forward_sums, forward_axes = torch.linalg.eigh(forward.T @ forward)
    backward_sums, backward_axes = torch.linalg.eigh(backward.T @ backward)
    both = forward_axes.T @ (forward.T @ backward) @ backward_axes
    total = (forward_sums.unsqueeze(1) + backward_sums).clamp(min=torch.finfo(both.dtype).tiny)
    reflection: Tensor = forward_axes @ (2 * both / total) @ backward_axes.T
    return reflection


def whitened_rows(rows: Tensor, root: Tensor) -> Tensor:
    """Rows [..., D] of covariance L Lᵀ to rows of covariance I, by x L^-ᵀ."""
    white: Tensor = torch.linalg.solve_triangular(root.T, rows, upper=True, left=False)
    return white


def right_divided(matrix: Tensor, root: Tensor) -> Tensor:
    """M L^-1 of a lower triangular L."""
    divided: Tensor = torch.linalg.solve_triangular(root, matrix, upper=False, left=False)
    return divided


def autocovariances(centred: Tensor, max_lag: int) -> Tensor:
    """Γ(h) = mean of x_t x_{t-h}ᵀ [max_lag + 1, D, D] of series [B, T, D] whose mean was taken away.

    The sums are divided by T at every lag (not by T - h), which is what keeps a fit to them stationary.
    """
    num_series, length = centred.shape[:2]
    products = [torch.einsum("btd,bte->de", centred[:, h:], centred[:, : length - h]) for h in range(max_lag + 1)]
    return torch.stack(products) / (num_series * length)


@dataclass(frozen=True)
class Units:
    """Where the numbers of series lie: the mean [D] and the standard deviation [D]; 1 for a constant."""

    location: Tensor
    scale: Tensor

    @classmethod
    def of(cls, vectors: Tensor) -> "Units":
        """Those of series [B, T, D], over all series."""
        lowest, highest = vectors.aminmax(dim=1)
        lowest, highest = lowest.amin(0), highest.amax(0)
        is_constant = lowest == highest
        location = torch.where(is_constant, lowest, vectors.mean((0, 1)))
        scale = (vectors - location).square().mean((0, 1)).sqrt()
        return cls(location, torch.where(is_constant, 1, scale))

    @property
    def square(self) -> tuple[int, int]:
        """[D, D]."""
        return len(self.scale), len(self.scale)

    def standardised(self, vectors: Tensor) -> Tensor:
        """Series of mean 0 and variance 1; zeros for a constant."""
        return (vectors - self.location) / self.scale

    def restored(self, coefficients: Tensor, intercept: Tensor, noise_covariance: Tensor) -> LinearProcess:
        """The process of a standardised series, in the units of the series itself."""
        coefficients = self.scale.unsqueeze(1) * coefficients / self.scale
        intercept = self.location + self.scale * intercept - coefficients.sum(0) @ self.location
        return LinearProcess(coefficients, intercept, torch.outer(self.scale, self.scale) * noise_covariance)


def is_long_enough(vectors: Tensor, order: int) -> bool:
    """Whether series [B, T, D] hold at least D more predictable values than an equation of the fit has unknowns."""
    num_series, length, dimension = vectors.shape
    return num_series * (length - order) >= order * dimension + 1 + dimension


def require_length(vectors: Tensor, order: int) -> None:
    """A ValueError for an order that is none, and unless series [B, T, D] are long enough to be fitted."""
    if order < 0:
        raise ValueError(f"order must be 0 or more, got {order}")
    if not is_long_enough(vectors, order):
        needed = (order + 1) * vectors.shape[2] + 1
        raise ValueError(
            f"order {order} needs {needed} values that have {order} before them, got series of {tuple(vectors.shape)}"
        )


def require_independent(covariance: Tensor) -> None:
    """A ValueError where a covariance [D, D] of standardised values is singular: a constant, or copies."""
    constant = (covariance.diagonal() == 0).nonzero().flatten().tolist()
    if constant:
        raise ValueError(f"the series are constant in dimension {constant}: they have no autocovariance to fit")
    if torch.linalg.eigvalsh(covariance).min() < SMALLEST_INDEPENDENT:
        raise ValueError("some dimensions of the series are sums of others: leave out what the rest tell")
