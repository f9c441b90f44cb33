"""Linear autoregression on the reals, held to closed forms, to loops written from its equations, and to a peer."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from statsmodels.tsa.vector_ar.var_model import VARProcess
from torch import Tensor

from models.linear_process import LinearProcess, simulate, symmetric_root
from tests.models.linear_processes import AR1, AR2, NOISE, VAR2, float64

CYCLE = torch.arange(4096, dtype=torch.float64) / 4096 - 0.5
"""Frequencies over one cycle per timestep: the mean over them of what is smooth and periodic is its integral."""


def test_first_order_by_its_closed_forms() -> None:
    # γ(h) = σ² φ^h / (1 - φ²), S(f) = σ² / (1 - 2 φ cos 2πf + φ²)   (Brockwell and Davis, 1991, 3.1 and 4.4)
    lags = torch.arange(6, dtype=torch.float64)
    close(AR1.autocovariance(5).flatten(), 0.25 * 0.8**lags / (1 - 0.8**2))
    close(AR1.spectrum(CYCLE).real.flatten(), 0.25 / (1 - 1.6 * torch.cos(2 * math.pi * CYCLE) + 0.64))
    close(AR1.spectrum(CYCLE).imag.flatten(), torch.zeros_like(CYCLE))
    assert AR1.spectral_radius == pytest.approx(0.8)


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


def test_second_order_by_its_closed_forms() -> None:
    # Box and Jenkins, section 3.2.4: γ0, ρ1 and the spectrum, which peaks where cos 2πf = φ1 (φ2 - 1) / (4 φ2)
    variance = 0.05**2 * 1.6 / (0.4 * (1.6**2 - 1.3**2))
    first = variance * 1.3 / 1.6
    second = 1.3 * first - 0.6 * variance
    close(AR2.autocovariance(3).flatten(), float64([variance, first, second, 1.3 * second - 0.6 * first]))
    one, two = torch.cos(2 * math.pi * CYCLE), torch.cos(4 * math.pi * CYCLE)
    expected = 0.05**2 / (1 + 1.3**2 + 0.6**2 - 2 * 1.3 * 1.6 * one + 2 * 0.6 * two)
    close(AR2.spectrum(CYCLE).real.flatten(), expected)
    peak = math.acos(1.3 * 1.6 / (4 * 0.6)) / (2 * math.pi)
    assert abs(CYCLE[expected.argmax()].item()) == pytest.approx(peak, abs=1 / 4096)


def test_autocovariance_is_that_of_the_sum_over_all_past_noise() -> None:
    # x_t = μ + Σ_j Φ_j ε_{t-j}, so Γ(h) = Σ_j Φ_{j+h} Σ Φ_jᵀ, and S has the coefficients of Γ  (Lütkepohl, 2.1.18)
    coefficients, noise = VAR2.coefficients.numpy(), VAR2.noise_covariance.numpy()
    responses = [np.eye(3)]
    for j in range(1, 120):
        responses.append(sum(coefficients[i - 1] @ responses[j - i] for i in (1, 2) if i <= j))
    for lag, actual in enumerate(VAR2.autocovariance(4)):
        expected = sum(responses[j + lag] @ noise @ responses[j].T for j in range(115))
        np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("process", [AR1, AR2, VAR2, NOISE])
def test_spectrum_integrates_to_the_autocovariance(process: LinearProcess) -> None:
    spectrum = process.spectrum(CYCLE)
    for lag, expected in enumerate(process.autocovariance(3)):
        turned = spectrum * torch.exp(2j * math.pi * CYCLE * lag)[:, None, None]
        close(turned.mean(0).real, expected)
        close(turned.mean(0).imag, torch.zeros_like(expected))


def test_spectrum_per_hertz_integrates_to_the_variance() -> None:
    rate_hz = 8000.0
    per_hz = VAR2.spectrum_per_hz(CYCLE * rate_hz, rate_hz)
    close(per_hz.real.sum(0) * rate_hz / len(CYCLE), VAR2.autocovariance(0)[0])


def test_a_vector_process_agrees_with_a_peer() -> None:
    peer = VARProcess(VAR2.coefficients.numpy(), VAR2.intercept.numpy()[:, None], VAR2.noise_covariance.numpy())
    np.testing.assert_allclose(VAR2.autocovariance(6).numpy(), peer.acf(6), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(VAR2.mean.numpy(), peer.mean(), rtol=1e-12)
    assert VAR2.is_stationary == peer.is_stable()


def test_the_mean_is_not_the_intercept() -> None:
    assert AR1.mean.item() == pytest.approx(1.0 / (1 - 0.8))
    assert AR2.mean.item() == pytest.approx(0.2)
    close(VAR2.mean, VAR2.intercept + VAR2.coefficients.sum(0) @ VAR2.mean)
    assert simulate(AR1, 20, 500, seed=0).mean().item() == pytest.approx(5, abs=0.1)


def test_entropy_rate_is_that_of_the_noise() -> None:
    assert LinearProcess.scalar([0.5]).entropy_rate_bits == pytest.approx(2.0471, abs=1e-4)
    assert AR2.entropy_rate_bits == pytest.approx(2.0471 + math.log2(0.05), abs=1e-4)
    independent = LinearProcess(torch.zeros(0, 2, 2).double(), float64([0, 0]), float64([[4, 0], [0, 0.25]]))
    assert independent.entropy_rate_bits == pytest.approx(2 * 2.04710, abs=1e-4)
    assert LinearProcess.scalar([0.5], noise_scale=0.0).entropy_rate_bits == -math.inf


@pytest.mark.parametrize("shape", [(1, 1), (3, 10, 2), (3, 1, 1)])
def test_series_that_a_process_cannot_predict_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"T of at least 2 and D = 1, got \(\d, \d+, \d\)"):
        AR2.nll_nats(torch.zeros(shape))
    assert AR2.nll_nats(torch.zeros(3, 2)).shape == (3, 0)


def test_nll_is_a_gaussian_density_and_approaches_the_entropy_rate() -> None:
    series = simulate(VAR2, num_series=4, num_timesteps=2500, seed=1)
    nll_nats = VAR2.nll_nats(series)
    assert nll_nats.shape == (4, 2498)
    x, (first, second) = series[1].numpy(), VAR2.coefficients.numpy()
    error = x[7] - VAR2.intercept.numpy() - first @ x[6] - second @ x[5]
    noise = VAR2.noise_covariance.numpy()
    density = math.exp(-0.5 * error @ np.linalg.inv(noise) @ error) / math.sqrt(np.linalg.det(2 * math.pi * noise))
    assert nll_nats[1, 5].item() == pytest.approx(-math.log(density))
    bits = nll_nats.mean().item() / math.log(2)
    standard_error = math.sqrt(3 / 2 / nll_nats.numel()) / math.log(2)
    assert bits == pytest.approx(VAR2.entropy_rate_bits, abs=3 * standard_error)


@pytest.mark.parametrize(
    ("coefficients", "is_stationary"),
    [([], True), ([0.99], True), ([1.0], False), ([-1.1], False), ([1.3, -0.6], True), ([0.5, 0.6], False)],
)
def test_stationarity(coefficients: list[float], is_stationary: bool) -> None:
    process = LinearProcess.scalar(coefficients)
    assert process.is_stationary is is_stationary
    if not is_stationary:
        with pytest.raises(ValueError, match="not stationary: its spectral radius is 1"):
            assert process.mean
        with pytest.raises(ValueError, match="not stationary"):
            process.spectrum(CYCLE)
        with pytest.raises(ValueError, match="not stationary"):
            process.autocovariance(1)
        with pytest.raises(ValueError, match="not stationary"):
            simulate(process, 1, 10, seed=0, burn_in=5)


def test_a_large_coefficient_need_not_make_a_vector_process_unstable() -> None:
    noise = (float64([0, 0]), torch.eye(2).double())
    assert LinearProcess(float64([[[0.5, 9], [0, 0.5]]]), *noise).is_stationary
    assert not LinearProcess(float64([[[0.5, 0.9], [0.9, 0.5]]]), *noise).is_stationary


@given(st.lists(st.floats(-1.2, 1.2).filter(lambda kappa: abs(abs(kappa) - 1) > 0.01), min_size=1, max_size=5))
@example([0.5, 1.8e-262, 0.0, 2.2e-311])  # LAPACK gave up on these
def test_stationary_means_that_every_reflection_is_below_one(reflections: list[float]) -> None:
    coefficients: list[float] = []
    for kappa in reflections:  # Levinson's recursion, upwards
        coefficients = [a - kappa * b for a, b in zip(coefficients, coefficients[::-1], strict=True)] + [kappa]
    assert LinearProcess.scalar(coefficients).is_stationary == all(abs(kappa) < 1 for kappa in reflections)


@pytest.mark.parametrize("process", [AR2, VAR2, NOISE])
def test_simulation_is_the_equation_term_by_term(process: LinearProcess) -> None:
    order, dimension, burn_in = process.order, process.dimension, 5
    actual = simulate(process, num_series=2, num_timesteps=7, seed=3, burn_in=burn_in)
    shape = (2, order + burn_in + 7, dimension)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for series in range(2):
        x = [process.mean.numpy()] * order
        for t in range(order, shape[1]):
            told = sum((process.coefficients[i].numpy() @ x[t - 1 - i] for i in range(order)), np.zeros(dimension))
            drawn = symmetric_root(process.noise_covariance).numpy() @ noise[series, t].numpy()
            x.append(process.intercept.numpy() + told + drawn)
        np.testing.assert_allclose(actual[series].numpy(), np.array(x[order + burn_in :]), rtol=1e-12)


def test_simulated_series_have_the_moments_of_their_process() -> None:
    series = simulate(VAR2, num_series=20, num_timesteps=2000, seed=0)
    centred = series - VAR2.mean
    for lag, expected in enumerate(VAR2.autocovariance(2)):
        measured = torch.einsum("btd,bte->de", centred[:, lag:], centred[:, : 2000 - lag]) / (20 * (2000 - lag))
        torch.testing.assert_close(measured, expected, rtol=0, atol=0.03)


def test_burn_in_is_what_it_takes_to_forget_the_start() -> None:
    process = LinearProcess.scalar([0.95])
    variance = process.autocovariance(0).item()
    assert simulate(process, 4000, 1, seed=0).var().item() == pytest.approx(variance, rel=0.1)
    assert simulate(process, 4000, 1, seed=0, burn_in=0).var().item() == pytest.approx(1, rel=0.1)
    # After n timesteps the variance lacks φ^2n of its own.
    assert 0.95 ** (2 * process.burn_in) < 1e-15 < 0.95 ** (process.burn_in / 2)
    assert VAR2.spectral_radius ** (2 * VAR2.burn_in) < 1e-15
    assert NOISE.burn_in == 1


def test_simulation_is_a_function_of_its_seed() -> None:
    assert torch.equal(simulate(AR2, 2, 50, seed=3), simulate(AR2, 2, 50, seed=3))
    assert not torch.equal(simulate(AR2, 2, 50, seed=3), simulate(AR2, 2, 50, seed=4))
    assert simulate(AR2, 2, 50, seed=3).shape == (2, 50, 1)


@pytest.mark.parametrize("distance", [1e-6, 1e-10, 1e-14])
def test_near_a_unit_root(distance: float) -> None:
    # 1 - φ is known to within rounding of φ, and everything that it divides no better.
    process = LinearProcess.scalar([1 - distance], intercept=distance)
    left = 1 - (1 - distance)
    assert process.is_stationary
    assert process.mean.item() == pytest.approx(distance / left)
    assert process.autocovariance(0).item() == pytest.approx(1 / (left * (2 - left)), rel=4e-16 / distance + 1e-9)
    with pytest.raises(ValueError, match=r"the start is forgotten after \d+ timesteps only.*burn_in"):
        simulate(process, 1, 10, seed=0)
    assert simulate(process, 1, 10, seed=0, burn_in=10).isfinite().all()


def test_noise_that_leaves_a_direction_alone() -> None:
    process = LinearProcess(float64([[[0.5, 0], [0, 0.5]]]), float64([0, 1]), float64([[1, 0], [0, 0]]))
    close(process.autocovariance(0)[0], float64([[4 / 3, 0], [0, 0]]))
    series = simulate(process, 1, 30, seed=0)
    close(series[..., 1], torch.full((1, 30), 2.0).double())
    with pytest.raises(ValueError, match="there is no density: the noise covariance is singular"):
        process.nll_nats(series)


def test_what_is_no_process_is_refused() -> None:
    eye, zero = torch.eye(2).double(), torch.zeros(2).double()
    with pytest.raises(ValueError, match=r"expected coefficients \[p, D, D\].*got \[\(2, 2\), \(2,\), \(2, 2\)\]"):
        LinearProcess(eye, zero, eye)
    with pytest.raises(ValueError, match=r"got \[\(1, 2, 2\), \(2,\), \(1, 1\)\]; a scalar process is made by"):
        LinearProcess(eye[None], zero, eye[:1, :1])
    with pytest.raises(ValueError, match="a linear process is float64"):
        LinearProcess(eye[None].float(), zero, eye)
    for no_covariance in ([[1, 0.5], [0, 1]], [[1, 2], [2, 1]]):
        with pytest.raises(ValueError, match="a covariance is symmetric and has no negative eigenvalue"):
            LinearProcess(eye[None], zero, float64(no_covariance))


def test_what_are_no_series_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected series \[B, T, D\], or \[B, T\] of a scalar, got \(5,\)"):
        AR2.nll_nats(torch.zeros(5))
    with pytest.raises(ValueError, match="not finite"):
        AR2.nll_nats(torch.full((1, 5), math.nan))
