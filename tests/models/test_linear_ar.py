"""Linear autoregression over levels: the model whose answers are known."""

import math

import pytest
import torch
from torch import Tensor

from models.distributions import scaled
from models.linear_ar import LinearAR, LinearARConfig
from models.linear_process import LinearProcess, simulate

AR2 = LinearProcess.scalar([1.3, -0.6], intercept=0.06, noise_scale=0.05)


@pytest.fixture(scope="module")
def series() -> Tensor:
    return simulate(AR2, num_series=50, num_timesteps=2000, seed=0).squeeze(-1)


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
    for length in (3, 9, 17):
        model.initialise(torch.arange(length).unsqueeze(0))
        assert torch.equal(model.coefficients, before)
    model.initialise(torch.arange(18).unsqueeze(0))
    assert not torch.equal(model.coefficients, before)


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
