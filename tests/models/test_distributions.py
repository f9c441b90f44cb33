"""Distributions: probabilities, draws, tails."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.distributions import (
    Categorical,
    DiscretisedGaussian,
    DiscretisedLogisticMixture,
    Distribution,
    invert_cumulative,
)

KINDS: list[Distribution] = [
    Categorical(2),
    Categorical(256),
    DiscretisedGaussian(2),
    DiscretisedGaussian(256),
    DiscretisedLogisticMixture(16, 1),
    DiscretisedLogisticMixture(256, 10),
]
every_kind = pytest.mark.parametrize("distribution", KINDS, ids=str)


def random_parameters(distribution: Distribution, seed: int, spread: float) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(3, distribution.num_parameters, generator=generator, dtype=torch.float64)


@every_kind
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), spread=st.sampled_from([0.1, 1.0, 5.0, 30.0]))
def test_probabilities_sum_to_one(distribution: Distribution, seed: int, spread: float) -> None:
    log_p = distribution.log_probabilities(random_parameters(distribution, seed, spread))
    assert log_p.shape == (3, distribution.num_levels)
    assert not log_p.isnan().any()
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-9)


@every_kind
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), u=st.floats(0, 1, exclude_max=True), v=st.floats(0, 1, exclude_max=True))
def test_draws_rise_with_the_last_uniform(distribution: Distribution, seed: int, u: float, v: float) -> None:
    parameters = random_parameters(distribution, seed, 1.0)
    uniforms = torch.full((2, 3, distribution.num_uniforms), 0.4, dtype=torch.float64)
    uniforms[0, :, -1], uniforms[1, :, -1] = min(u, v), max(u, v)
    lower, upper = distribution.draw(parameters, uniforms[0]), distribution.draw(parameters, uniforms[1])
    assert (lower <= upper).all()
    assert lower.dtype == torch.int64
    assert 0 <= int(lower.min()) <= int(upper.max()) < distribution.num_levels


@every_kind
def test_draws_follow_the_probabilities(distribution: Distribution) -> None:
    parameters = random_parameters(distribution, seed=0, spread=1.0)[0]
    uniforms = torch.rand(20000, distribution.num_uniforms, generator=torch.Generator().manual_seed(1))
    levels = distribution.draw(parameters.expand(20000, -1), uniforms)
    counts = torch.bincount(levels, minlength=distribution.num_levels)
    expected = distribution.log_probabilities(parameters).exp() * 20000
    assert chi_square_excess(counts, expected) < 4


def chi_square_excess(counts: Tensor, expected: Tensor) -> float:
    """How many standard deviations the chi-square of counts is above its mean, levels below 5 expected put together."""
    is_rare = expected < 5
    seen = torch.cat([counts[~is_rare].double(), counts[is_rare].sum().double()[None]])
    wanted = torch.cat([expected[~is_rare], expected[is_rare].sum()[None]])
    seen, wanted = seen[wanted > 0], wanted[wanted > 0]
    freedom = max(1, len(wanted) - 1)
    return float((((seen - wanted) ** 2 / wanted).sum() - freedom) / math.sqrt(2 * freedom))


def test_the_chi_square_notices_a_biased_draw() -> None:
    expected = torch.full((10,), 2000.0, dtype=torch.float64)
    assert chi_square_excess(expected.long(), expected) < 0
    assert chi_square_excess(expected.long() + torch.tensor([200, -200] * 5), expected) > 20


@every_kind
def test_gradients_are_finite_everywhere(distribution: Distribution) -> None:
    for spread in (0.1, 3.0, 100.0):
        parameters = random_parameters(distribution, 0, spread).requires_grad_()
        distribution.log_probabilities(parameters).sum().backward()
        assert parameters.grad is not None
        assert parameters.grad.isfinite().all()


def test_categorical_is_a_softmax() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    nll_nats = Categorical(3).nll_nats(probabilities.log().expand(3, 3), torch.arange(3))
    torch.testing.assert_close(nll_nats, -probabilities.log())
    u = torch.tensor([[0.0], [0.49], [0.51], [0.79], [0.81], [0.999]], dtype=torch.float64)
    assert Categorical(3).draw(probabilities.log().expand(6, 3), u).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_of_probability_zero_are_never_drawn(dtype: torch.dtype) -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf], dtype=dtype)
    ends = torch.tensor([0.0, 0.5, 1 - 2.0**-24, math.nextafter(1.0, 0.0)], dtype=torch.float64).unsqueeze(-1)
    drawn = Categorical(5).draw(logits.expand(4, 5), ends)
    assert set(drawn.tolist()) == {1, 3}


def test_a_cumulative_sum_below_one_still_ends_at_the_last_level() -> None:
    # 0.1 summed three times plus a tail: in float32 the sum stops short of what u asks for.
    probabilities = torch.full((1, 7), 0.1, dtype=torch.float32)
    assert invert_cumulative(probabilities, torch.tensor([[1 - 2.0**-24]])).item() == 6
    assert invert_cumulative(probabilities, torch.tensor([[math.nextafter(1.0, 0.0)]], dtype=torch.float64)).item() == 6
    assert invert_cumulative(probabilities, torch.tensor([[0.0]])).item() == 0


def test_gaussian_bins_are_differences_of_the_cumulative() -> None:
    parameters = torch.tensor([0.2, math.log(0.3)], dtype=torch.float64)
    p = DiscretisedGaussian(5).log_probabilities(parameters).exp().tolist()
    edges = [-0.75, -0.25, 0.25, 0.75]
    cumulative = [0.0, *(0.5 * (1 + math.erf((e - 0.2) / 0.3 / math.sqrt(2))) for e in edges), 1.0]
    assert p == pytest.approx([b - a for a, b in itertools.pairwise(cumulative)], abs=1e-12)


@pytest.mark.parametrize("log_scale", [-9.0, 0.0, 50.0, 110.0])
@pytest.mark.parametrize("mean", [0.5, 8.0, 300.0, -1e4])
def test_a_logistic_in_float32_has_the_bins_and_the_gradient_of_float64(mean: float, log_scale: float) -> None:
    # Its bins are 3e-5 wide, and near 8 float32 tells 1e-6 apart. At a scale of e^110 it takes the inverse for zero.
    distribution, x = DiscretisedLogisticMixture(65536, 1), torch.tensor([0, 1, 20000, 65535])
    exact, found = (torch.tensor([0.0, mean, log_scale], dtype=t, requires_grad=True) for t in (torch.float64, None))
    nats = [distribution.nll_nats(parameters.expand(4, 3), x) for parameters in (exact, found)]
    for one in nats:
        one.sum().backward()
    assert exact.grad is not None
    assert found.grad is not None
    assert found.grad.isfinite().all()
    if log_scale < 88:
        torch.testing.assert_close(nats[1].double(), nats[0], rtol=1e-5, atol=1e-3)
        torch.testing.assert_close(found.grad.double(), exact.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("log_scale", [0.0, 3.0, 10.0, 25.0])
@pytest.mark.parametrize("mean", [0.0, 4.0, -300.0])
def test_bins_far_thinner_than_the_scale(mean: float, log_scale: float) -> None:
    # Each inner bin holds its width times the density; the difference of two cumulatives is lost in rounding there.
    scale, x = math.exp(log_scale), torch.arange(1, 65535, 97)
    parameters = torch.tensor([mean, log_scale], dtype=torch.float64).expand(len(x), 2)
    z = (x.double() * 2 / 65535 - 1 - mean) / scale
    expected = math.log(2 / 65535 / scale) - z**2 / 2 - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(-DiscretisedGaussian(65536).nll_nats(parameters, x), expected, rtol=0, atol=1e-5)


def test_logistic_mixture_bins_are_differences_of_the_cumulative() -> None:
    weights, means, scales = (0.25, 0.75), (-0.4, 0.6), (0.2, 0.1)
    numbers = [*map(math.log, weights), *means, *map(math.log, scales)]
    p = DiscretisedLogisticMixture(5, 2).log_probabilities(torch.tensor(numbers, dtype=torch.float64)).exp().tolist()

    def cumulative(x: float) -> float:
        return sum(w / (1 + math.exp(-(x - m) / s)) for w, m, s in zip(weights, means, scales, strict=True))

    edges = [0.0, *(cumulative(e) for e in (-0.75, -0.25, 0.25, 0.75)), 1.0]
    assert p == pytest.approx([b - a for a, b in itertools.pairwise(edges)], abs=1e-12)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [(DiscretisedGaussian(256), -0.5 * (1.9 / 0.01) ** 2), (DiscretisedLogisticMixture(256, 1), -1.9 / 0.01)],
)
def test_far_tails_keep_their_size(distribution: Distribution, expected: float) -> None:
    numbers = [1.0, math.log(0.01)] if distribution.num_parameters == 2 else [0.0, 1.0, math.log(0.01)]
    parameters = torch.tensor(numbers, dtype=torch.float64)
    level_at_minus_0_9 = torch.tensor(13)  # 13/255·2 - 1 = -0.898
    assert -distribution.nll_nats(parameters, level_at_minus_0_9).item() == pytest.approx(expected, rel=0.02)
    mirrored = parameters.clone()
    mirrored[-2] = -1.0
    torch.testing.assert_close(
        distribution.nll_nats(mirrored, torch.tensor(242)), distribution.nll_nats(parameters, level_at_minus_0_9)
    )


@every_kind
def test_temperature_narrows_and_may_differ_per_lane(distribution: Distribution) -> None:
    parameters = random_parameters(distribution, 3, 1.0)[:1].expand(4000, -1)
    uniforms = torch.rand(4000, distribution.num_uniforms, generator=torch.Generator().manual_seed(1))
    per_lane = torch.tensor([0.01, 1.0]).repeat(2000)
    levels = distribution.draw(parameters, uniforms, per_lane)
    plain = distribution.draw(parameters, uniforms)
    assert torch.equal(levels[1::2], plain[1::2])
    assert levels[::2].double().std() <= plain.double().std() * 0.8


@every_kind
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_draws_at_a_temperature_follow_the_tempered_probabilities(
    distribution: Distribution, temperature: float
) -> None:
    parameters = random_parameters(distribution, seed=0, spread=1.0)[0]
    uniforms = torch.rand(20000, distribution.num_uniforms, generator=torch.Generator().manual_seed(1))
    levels = distribution.draw(parameters.expand(20000, -1), uniforms, temperature)
    counts = torch.bincount(levels, minlength=distribution.num_levels)
    expected = distribution.log_probabilities(distribution.tempered(parameters, temperature)).exp() * 20000
    assert chi_square_excess(counts, expected) < 4


@every_kind
def test_a_temperature_of_one_changes_no_bit_of_what_is_drawn_from(distribution: Distribution) -> None:
    parameters = random_parameters(distribution, seed=0, spread=1.0)
    once = distribution.tempered(parameters, 1.0)
    assert torch.equal(distribution.tempered(once, torch.ones(3)), once)
    torch.testing.assert_close(distribution.log_probabilities(once), distribution.log_probabilities(parameters))


def test_half_precision_is_scored_in_float32() -> None:
    logits = torch.randn(2, 8, dtype=torch.bfloat16)
    assert Categorical(8).nll_nats(logits, torch.tensor([1, 2])).dtype == torch.float32


@pytest.mark.parametrize("kind", [Categorical, DiscretisedGaussian])
def test_one_level_is_nothing_to_choose_from(kind: type[Categorical]) -> None:
    with pytest.raises(ValueError, match="num_levels must be at least 2, got 1"):
        kind(1)
    with pytest.raises(ValueError, match="num_components must be at least 1, got 0"):
        DiscretisedLogisticMixture(256, 0)
