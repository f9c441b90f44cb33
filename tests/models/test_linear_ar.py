"""The linear autoregression: the model whose answers are known."""

import math

import pytest
import torch
from torch import Tensor

from models.distributions import scaled
from models.linear_ar import (
    LinearAR,
    LinearARConfig,
    LinearProcess,
    autocovariances,
    entropy_rate_bits,
    fit_least_squares,
    fit_yule_walker,
    simulate,
)

PHI = torch.tensor([1.3, -0.6], dtype=torch.float64)
AR2 = LinearProcess(PHI, intercept=0.06, noise_scale=0.05)


@pytest.fixture(scope="module")
def series() -> Tensor:
    return simulate(AR2, num_series=50, num_timesteps=2000, seed=0)


def test_a_simulated_series_has_the_moments_of_its_process(series: Tensor) -> None:
    # AR(2): γ0 = σ²(1-φ2) / ((1+φ2)((1-φ2)² - φ1²)); ρ1 = φ1/(1-φ2)  (Box and Jenkins, section 3.2.4)
    variance = 0.05**2 * 1.6 / (0.4 * (1.6**2 - 1.3**2))
    assert AR2.mean == pytest.approx(0.2)
    assert series.mean().item() == pytest.approx(0.2, abs=0.005)
    assert series.var().item() == pytest.approx(variance, rel=0.03)
    covariance = autocovariances(series - series.mean(), 1)
    assert (covariance[1] / covariance[0]).item() == pytest.approx(1.3 / 1.6, abs=0.01)


@pytest.mark.parametrize("fit", [fit_least_squares, fit_yule_walker])
def test_fits_recover_the_process(fit: type, series: Tensor) -> None:
    fitted = fit(series, 2)
    torch.testing.assert_close(fitted.coefficients, PHI, rtol=0, atol=0.01)
    assert fitted.intercept == pytest.approx(0.06, abs=0.003)
    assert fitted.noise_scale == pytest.approx(0.05, rel=0.01)
    assert fitted.mean == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("order", [1, 3, 6])
def test_levinson_durbin_solves_the_yule_walker_equations(order: int, series: Tensor) -> None:
    covariance = autocovariances(series - series.mean(), order)
    toeplitz = torch.stack([torch.stack([covariance[abs(i - j)] for j in range(order)]) for i in range(order)])
    expected = torch.linalg.solve(toeplitz, covariance[1:])
    fitted = fit_yule_walker(series, order)
    torch.testing.assert_close(fitted.coefficients, expected, rtol=0, atol=1e-10)
    assert fitted.noise_scale**2 == pytest.approx(float(covariance[0] - expected @ covariance[1:]))
    assert fitted.is_stationary


@pytest.mark.parametrize(
    ("coefficients", "is_stationary"),
    [([0.99], True), ([1.0], False), ([-1.1], False), ([1.3, -0.6], True), ([0.5, 0.6], False)],
)
def test_stationarity(coefficients: list[float], is_stationary: bool) -> None:
    process = LinearProcess(torch.tensor(coefficients, dtype=torch.float64), 0.0, 1.0)
    assert process.is_stationary is is_stationary
    if not is_stationary:
        with pytest.raises(ValueError, match="not stationary"):
            simulate(process, 1, 10, seed=0)


def test_entropy_rate_is_that_of_the_noise() -> None:
    assert entropy_rate_bits(1.0) == pytest.approx(2.0471, abs=1e-4)
    assert AR2.entropy_rate_bits == pytest.approx(2.0471 + math.log2(0.05), abs=1e-4)


def test_simulation_is_a_function_of_its_seed() -> None:
    assert torch.equal(simulate(AR2, 2, 50, seed=3), simulate(AR2, 2, 50, seed=3))
    assert not torch.equal(simulate(AR2, 2, 50, seed=3), simulate(AR2, 2, 50, seed=4))


def test_a_series_that_determines_nothing_is_refused() -> None:
    for fit in (fit_least_squares, fit_yule_walker):
        with pytest.raises(ValueError, match=r"order 4 needs more than 5 predictable values"):
            fit(torch.zeros(1, 8), 4)
    with pytest.raises(ValueError, match="constant"):
        fit_yule_walker(torch.ones(1, 100), 2)


def quantised(series: Tensor, num_levels: int) -> Tensor:
    """Reals in [-1, 1] to the nearest level."""
    assert series.abs().max() < 1
    return ((series + 1) / 2 * (num_levels - 1)).round().long()


def test_initialised_model_reaches_the_entropy_rate(series: Tensor) -> None:
    num_levels = 256
    x = quantised(series, num_levels)
    model = LinearAR(LinearARConfig(order=2, num_levels=num_levels))
    model.initialise(x[:40])
    with torch.no_grad():
        bits_per_timestep = model.nll_nats(x[40:])[:, 10:].mean().item() / math.log(2)
    step = 2 / (num_levels - 1)
    assert bits_per_timestep == pytest.approx(AR2.entropy_rate_bits - math.log2(step), rel=0.02)


def test_gradient_takes_the_model_to_the_same_place(series: Tensor) -> None:
    x = quantised(series[:, :200], 256)
    torch.manual_seed(0)
    model = LinearAR(LinearARConfig(order=2))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(150):
        optimiser.zero_grad()
        nll_nats = model.nll_nats(x).mean()
        nll_nats.backward()
        optimiser.step()
    fitted = LinearAR(LinearARConfig(order=2))
    fitted.initialise(x)
    assert nll_nats.item() == pytest.approx(fitted.nll_nats(x).mean().item(), rel=0.01)
    torch.testing.assert_close(model.coefficients, fitted.coefficients, rtol=0, atol=0.05)


def test_a_constant_batch_still_gives_a_model() -> None:
    model = LinearAR(LinearARConfig(order=2, num_levels=16))
    model.initialise(torch.full((2, 50), 7))
    nll_nats = model.nll_nats(torch.full((1, 20), 7))
    assert nll_nats.isfinite().all()
    assert nll_nats[:, 2:].max() < 0.01


def test_a_batch_too_short_to_fit_changes_nothing() -> None:
    model = LinearAR(LinearARConfig(order=8))
    before = model.coefficients.clone()
    model.initialise(torch.zeros(1, 9, dtype=torch.int64))
    assert torch.equal(model.coefficients, before)


def test_the_newest_value_meets_the_first_coefficient() -> None:
    model = LinearAR(LinearARConfig(order=2, num_levels=3)).double()
    with torch.no_grad():
        model.coefficients.copy_(torch.tensor([0.5, 0.125]))
        model.intercept.fill_(0.01)
    x = torch.tensor([[2, 0, 1]])  # 1, -1, 0
    assert scaled(x, 3).tolist() == [[1, -1, 0]]
    assert model(x)[0, :, 0].tolist() == pytest.approx([0.01, 0.51, 0.01 - 0.5 + 0.125])


def test_an_order_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        LinearARConfig(order=0)
