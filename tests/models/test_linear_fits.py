"""The three fits, held to loops written from their equations, to a peer, and to processes that they must find again."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_sylvester
from statsmodels.regression.linear_model import burg, yule_walker
from statsmodels.tsa.vector_ar.var_model import VAR
from torch import Tensor

from models.linear_fits import autocovariances, fit_burg, fit_least_squares, fit_yule_walker
from models.linear_process import LinearProcess, simulate
from tests.models.linear_processes import AR2, VAR2, float64

Fit = Callable[[Tensor, int], LinearProcess]
FITS: list[Fit] = [fit_least_squares, fit_yule_walker, fit_burg]
every_fit = pytest.mark.parametrize("fit", FITS)


@pytest.fixture(scope="module")
def series() -> Tensor:
    """Three series of the vector process, short enough that what is done at their ends shows."""
    return simulate(VAR2, num_series=3, num_timesteps=40, seed=0)


@pytest.fixture(scope="module")
def scalars() -> Tensor:
    return simulate(AR2, num_series=3, num_timesteps=40, seed=0)


def test_least_squares_solves_the_normal_equations(series: Tensor) -> None:
    order, dimension = 2, 3
    gram, cross, square, count = np.zeros((7, 7)), np.zeros((7, 3)), np.zeros((3, 3)), 0
    for x in series.numpy():
        for t in range(order, len(x)):
            past = np.concatenate([x[t - 1], x[t - 2], [1.0]])
            gram, cross = gram + np.outer(past, past), cross + np.outer(past, x[t])
            square, count = square + np.outer(x[t], x[t]), count + 1
    solution = np.linalg.solve(gram, cross)
    fitted = fit_least_squares(series, order)
    for i in range(order):
        expected = solution[i * dimension : (i + 1) * dimension].T
        np.testing.assert_allclose(fitted.coefficients[i].numpy(), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted.intercept.numpy(), solution[-1], rtol=1e-8)
    np.testing.assert_allclose(
        fitted.noise_covariance.numpy(), (square - cross.T @ solution) / count, rtol=1e-7, atol=1e-9
    )


def centred_lags(series: Tensor, max_lag: int) -> list[np.ndarray]:
    """Γ(h) = Σ (x_t - m)(x_{t-h} - m)ᵀ / number of all values, series by series, m the mean of all."""
    x = series.numpy() - series.numpy().mean((0, 1))
    lags = []
    for lag in range(max_lag + 1):
        total = sum(np.outer(one[t], one[t - lag]) for one in x for t in range(lag, len(one)))
        lags.append(np.asarray(total) / (x.shape[0] * x.shape[1]))
    return lags


@pytest.mark.parametrize("order", [1, 2, 4])
def test_whittle_solves_the_yule_walker_equations(order: int, series: Tensor) -> None:
    # Γ(h) = Σ_i A_i Γ(h-i) for h = 1 ... p, with Γ(-h) = Γ(h)ᵀ: one system of p·D unknowns in each row of A
    lags = centred_lags(series, order)
    at = {h: lags[h] if h >= 0 else lags[-h].T for h in range(-order, order + 1)}
    blocks = np.block([[at[h - i] for h in range(1, order + 1)] for i in range(1, order + 1)])
    expected = np.linalg.solve(blocks.T, np.hstack([at[h] for h in range(1, order + 1)]).T).T
    fitted = fit_yule_walker(series, order)
    np.testing.assert_allclose(np.hstack(list(fitted.coefficients.numpy())), expected, rtol=1e-9, atol=1e-11)
    left = at[0] - sum(expected[:, 3 * i : 3 * i + 3] @ at[-i - 1] for i in range(order))
    np.testing.assert_allclose(fitted.noise_covariance.numpy(), left, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fitted.mean.numpy(), series.numpy().mean((0, 1)), rtol=1e-9)


@given(st.integers(0, 2**31), st.integers(1, 6), st.floats(-0.99, 0.99), st.integers(1, 3))
@settings(max_examples=40)
def test_levinson_durbin_solves_the_toeplitz_system(seed: int, order: int, phi: float, num_series: int) -> None:
    series = simulate(LinearProcess.scalar([phi], intercept=3.0), num_series, 30, seed, burn_in=20)
    lags = autocovariances(series - series.mean(), order).flatten().numpy()
    fitted = fit_yule_walker(series, order)
    toeplitz = lags[abs(np.subtract.outer(range(order), range(order)))]
    expected = np.linalg.solve(toeplitz, lags[1:])
    np.testing.assert_allclose(fitted.coefficients.flatten().numpy(), expected, rtol=1e-6, atol=1e-8)
    assert fitted.noise_covariance.item() == pytest.approx(lags[0] - expected @ lags[1:], rel=1e-6)
    assert fitted.is_stationary


def test_burg_as_its_equation_says(scalars: Tensor) -> None:
    x = scalars.squeeze(-1).numpy()
    x = x - x.mean()
    forward, backward, coefficients, left = (
        [list(one) for one in x],
        [list(one) for one in x],
        np.zeros(0),
        (x**2).mean(),
    )
    for _ in range(3):
        pairs = [(f[t], b[t - 1]) for f, b in zip(forward, backward, strict=True) for t in range(1, len(f))]
        kappa = 2 * sum(f * b for f, b in pairs) / sum(f * f + b * b for f, b in pairs)
        coefficients = np.append(coefficients - kappa * coefficients[::-1], kappa)
        left *= 1 - kappa**2
        both = [
            ([f[t] - kappa * b[t - 1] for t in range(1, len(f))], [b[t - 1] - kappa * f[t] for t in range(1, len(f))])
            for f, b in zip(forward, backward, strict=True)
        ]
        forward, backward = [f for f, _ in both], [b for _, b in both]
    fitted = fit_burg(scalars, 3)
    np.testing.assert_allclose(fitted.coefficients.flatten().numpy(), coefficients, rtol=1e-9)
    assert fitted.noise_covariance.item() == pytest.approx(left)
    assert fitted.mean.item() == pytest.approx(scalars.mean().item())
    assert fitted.autocovariance(0).item() == pytest.approx((x**2).mean())


def test_nuttall_and_strand_as_their_equations_say(series: Tensor) -> None:
    # R_f V⁻¹ Δ + Δ U⁻¹ R_b = 2 R_fb; A' = Δ U⁻¹, B' = Δᵀ V⁻¹; V ← V - A' Δᵀ, U ← U - B' Δ   (Strand, 1977)
    x = series.numpy() - series.numpy().mean((0, 1))
    forward = backward = x
    a: list[np.ndarray] = []
    b: list[np.ndarray] = []
    left = right = centred_lags(series, 0)[0]
    for _ in range(3):
        forward, backward = forward[:, 1:], backward[:, :-1]
        of_forward, of_backward, of_both = (
            sum(
                np.outer(p, q)
                for one, other in zip(first, second, strict=True)
                for p, q in zip(one, other, strict=True)
            )
            for first, second in ((forward, forward), (backward, backward), (forward, backward))
        )
        delta = solve_sylvester(of_forward @ np.linalg.inv(left), np.linalg.inv(right) @ of_backward, 2 * of_both)
        newest, oldest = delta @ np.linalg.inv(right), delta.T @ np.linalg.inv(left)
        a, b = (
            [*(p - newest @ q for p, q in zip(a, b[::-1], strict=True)), newest],
            [*(q - oldest @ p for p, q in zip(a[::-1], b, strict=True)), oldest],
        )
        left, right = left - newest @ delta.T, right - oldest @ delta
        forward, backward = forward - backward @ newest.T, backward - forward @ oldest.T
    fitted = fit_burg(series, 3)
    np.testing.assert_allclose(fitted.coefficients.numpy(), np.array(a), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted.noise_covariance.numpy(), left, rtol=1e-8, atol=1e-10)


def test_scalar_fits_agree_with_a_peer(scalars: Tensor) -> None:
    x = scalars[0].flatten().numpy()
    fitted = fit_burg(scalars[:1], 3)
    coefficients, variance = burg(x, 3)
    np.testing.assert_allclose(fitted.coefficients.flatten().numpy(), coefficients, rtol=1e-9)
    errors = torch.stack([fitted.residuals(scalars[:1]), fitted.residuals(scalars[:1].flip(1))])
    assert errors.square().mean().item() == pytest.approx(variance)  # the peer gives the error over the series
    fitted = fit_yule_walker(scalars[:1], 3)
    peer = yule_walker(x, 3, method="mle", result_object=True)
    np.testing.assert_allclose(fitted.coefficients.flatten().numpy(), peer[0], rtol=1e-9)
    assert fitted.noise_covariance.item() == pytest.approx(peer[1] ** 2)


@pytest.mark.parametrize("order", [1, 3])
def test_vector_least_squares_agrees_with_a_peer(order: int, series: Tensor) -> None:
    fitted, peer = fit_least_squares(series[:1], order), VAR(series[0].numpy()).fit(order)
    np.testing.assert_allclose(fitted.coefficients.numpy(), peer.coefs, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted.intercept.numpy(), peer.intercept, rtol=1e-8)
    np.testing.assert_allclose(fitted.noise_covariance.numpy(), peer.sigma_u_mle, rtol=1e-8)


@every_fit
def test_a_known_process_is_found_again_within_standard_errors(fit: Fit) -> None:
    # √n (Â - A) tends to a Gaussian of covariance (E Z Zᵀ)⁻¹ ⊗ Σ, Z = (x_{t-1}, x_{t-2})   (Lütkepohl, 3.2.15)
    num_series, num_timesteps = 40, 1000
    fitted = fit(simulate(VAR2, num_series, num_timesteps, seed=5), 2)
    zero, one = VAR2.autocovariance(1)
    past = torch.cat([torch.cat([zero, one], 1), torch.cat([one.T, zero], 1)])
    variances = torch.outer(VAR2.noise_covariance.diagonal(), past.inverse().diagonal()) / (num_series * num_timesteps)
    deviations = torch.cat(list(fitted.coefficients - VAR2.coefficients), 1) / variances.sqrt()
    assert deviations.abs().max() < 4
    assert 0.5 < deviations.square().mean() < 2
    torch.testing.assert_close(fitted.noise_covariance, VAR2.noise_covariance, rtol=0, atol=0.03)
    torch.testing.assert_close(fitted.mean, VAR2.mean, rtol=0, atol=0.05)


@every_fit
def test_fits_recover_a_scalar_process(fit: Fit) -> None:
    fitted = fit(simulate(AR2, num_series=50, num_timesteps=1000, seed=0).squeeze(-1), 2)
    torch.testing.assert_close(fitted.coefficients, AR2.coefficients, rtol=0, atol=0.02)
    assert fitted.intercept.item() == pytest.approx(0.06, abs=0.004)
    assert fitted.noise_covariance.sqrt().item() == pytest.approx(0.05, rel=0.01)


@every_fit
def test_order_zero_is_the_mean_and_the_covariance(fit: Fit, series: Tensor) -> None:
    fitted = fit(series, 0)
    values = series.flatten(0, 1)
    torch.testing.assert_close(fitted.mean, values.mean(0))
    torch.testing.assert_close(fitted.noise_covariance, values.T.cov(correction=0))


def test_no_value_is_predicted_across_the_seam_of_two_series() -> None:
    halving = 2.0 ** -torch.arange(12.0).double()
    fitted = fit_least_squares(torch.stack([halving, 3 * halving]), 1)
    torch.testing.assert_close(fitted.coefficients.flatten(), float64([0.5]))
    assert fitted.noise_covariance.item() < 1e-28
    # Yule-Walker and Burg: a batch of n equal series says what one says.
    one = simulate(VAR2, 1, 30, seed=2)
    for fit in (fit_yule_walker, fit_burg):
        torch.testing.assert_close(fit(one.repeat(3, 1, 1), 2).coefficients, fit(one, 2).coefficients)
        assert not torch.allclose(fit(one.repeat(1, 3, 1), 2).coefficients, fit(one, 2).coefficients, rtol=0, atol=1e-3)


@every_fit
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(0, 4))
@settings(max_examples=15)
def test_a_fit_does_not_depend_on_the_units(fit: Fit, seed: int, num_series: int, order: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(num_series, 30, 2, generator=generator, dtype=torch.float64)
    scale, offset = float64([1e-6, 1e6]), float64([1.0, -1e9])
    plain, other = fit(x, order), fit(x * scale + offset, order)
    torch.testing.assert_close(other.coefficients * scale / scale[:, None], plain.coefficients, rtol=1e-6, atol=1e-7)
    expected = plain.noise_covariance * torch.outer(scale, scale)
    assert ((other.noise_covariance - expected).abs() / torch.outer(scale, scale)).max() < 1e-7


@pytest.mark.parametrize("fit", [fit_yule_walker, fit_burg])
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.sampled_from([0, 1, 2]))
@settings(max_examples=25)
def test_yule_walker_and_burg_are_always_stationary(
    fit: Fit, seed: int, num_series: int, dimension: int, order: int, num_sums: int
) -> None:
    x = torch.randn(num_series, 40, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for _ in range(num_sums):  # a random walk, and the sum of one: roots at 1
        x = x.cumsum(1)
    assert fit(x, order).is_stationary


def test_burg_is_sharp_near_the_unit_circle_where_yule_walker_is_not() -> None:
    # A resonance of which the series holds a few periods: two roots at distance 0.001 from the circle, eight times.
    radius, turn = 0.999, 2 * math.pi * 0.11
    process = LinearProcess.scalar([2 * radius * math.cos(turn), -(radius**2)])
    each = [simulate(process, 1, 60, seed, burn_in=1000) for seed in range(8)]
    far, near = (
        np.mean([abs(fit(series, 2).spectral_radius - radius) for series in each])
        for fit in (fit_yule_walker, fit_burg)
    )
    assert near < 0.01
    assert far > 4 * near


def test_a_random_walk_may_be_fitted_as_one_by_least_squares_alone() -> None:
    walk = torch.arange(50.0).double().unsqueeze(0) + 0.1 * torch.randn(
        1, 50, generator=torch.Generator().manual_seed(0)
    )
    growing = 1.05 ** torch.arange(50.0).double()
    fitted = fit_least_squares((growing + 0.01 * walk).unsqueeze(-1), 1)
    assert fitted.spectral_radius == pytest.approx(1.05, abs=0.01)
    with pytest.raises(ValueError, match="not stationary"):
        assert fitted.mean


def test_least_squares_of_dependent_values_predicts_all_the_same() -> None:
    # Sines of one pitch satisfy many equations of order 4; of a value and its double either could be told by either.
    t = torch.arange(60.0).double()
    sines = torch.stack([torch.sin(0.3 * t), torch.sin(0.3 * t + 1)]) + 5
    fitted = fit_least_squares(sines, 4)
    assert fitted.residuals(sines).abs().max() < 1e-10
    assert fitted.coefficients.abs().max() < 1
    twice = simulate(AR2, 2, 50, seed=0)
    one, both = fit_least_squares(twice, 2), fit_least_squares(torch.cat([twice, 2 * twice], -1), 2)
    torch.testing.assert_close(both.residuals(torch.cat([twice, 2 * twice], -1))[..., :1], one.residuals(twice))


def test_least_squares_of_a_constant_is_that_constant() -> None:
    fitted = fit_least_squares(torch.full((2, 30), 0.1, dtype=torch.float64), 2)
    assert fitted.coefficients.abs().max() == 0
    assert fitted.intercept.item() == 0.1
    assert fitted.noise_covariance.item() == 0


@pytest.mark.parametrize("fit", [fit_yule_walker, fit_burg])
def test_series_without_a_variance_of_their_own_are_refused(fit: Fit) -> None:
    with pytest.raises(ValueError, match=r"constant in dimension \[0\]: they have no autocovariance to fit"):
        fit(torch.full((1, 100), 0.1), 2)
    x = torch.randn(1, 100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.raises(ValueError, match="some dimensions of the series are sums of others"):
        fit(torch.cat([x, x.sum(-1, keepdim=True)], -1), 2)


def test_burg_refuses_what_is_predicted_exactly() -> None:
    with pytest.raises(ValueError, match="predicted exactly, without any noise, by a lower order"):
        fit_burg(torch.tensor([[1.0, -1.0] * 20]), 3)


@every_fit
def test_series_that_determine_nothing_are_refused(fit: Fit, series: Tensor) -> None:
    with pytest.raises(ValueError, match=r"order 4 needs 6 values that have 4 before them, got series of \(1, 9, 1\)"):
        fit(torch.randn(1, 9), 4)
    fit(torch.randn(2, 7, generator=torch.Generator().manual_seed(0)), 4)
    with pytest.raises(ValueError, match=r"order 50 needs 154 values"):
        fit(series, 50)
    with pytest.raises(ValueError, match="order must be 0 or more, got -1"):
        fit(series, -1)
    with pytest.raises(ValueError, match="not finite"):
        fit(torch.full((1, 50), math.inf), 1)
