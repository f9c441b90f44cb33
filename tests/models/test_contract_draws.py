"""Every model, drawn from: the levels are its own, the naive and the cached path one, and nothing stays behind."""

import pytest
import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.counter_random import item_keys
from models.sampling import Departures, sample_cached, sample_naive
from tests.models.contract_checks import forwarded, stepped
from tests.models.tiny import CASES, TINY, perturb, tiny_condition, tiny_levels, tiny_model

all_cases = pytest.mark.parametrize(("name", "kind"), CASES)
all_models = pytest.mark.parametrize("name", TINY)


@all_cases
def test_cached_sampling_equals_naive_and_nll_is_that_of_the_model_at_any_temperature(name: str, kind: str) -> None:
    model, condition = tiny_model(name, kind), tiny_condition(kind)
    asked = item_keys([(5, f"item {i}") for i in range(3)]), Departures(torch.tensor([0.5, 1.0, 2.0]))
    naive, cached = (sample(model, TINY[name].shape, condition, *asked) for sample in (sample_naive, sample_cached))
    assert torch.equal(naive.levels, cached.levels)
    with torch.no_grad():
        teacher_forced = model.nll_nats(cached.levels, condition).flatten(1).sum(1)
    for drawn in (naive, cached):
        torch.testing.assert_close(drawn.nll_nats, teacher_forced, rtol=0, atol=1e-9)
        assert drawn.nll_nats.dtype == torch.float64


@all_models
def test_levels_have_int64_and_the_shape_asked_for(name: str) -> None:
    drawn = sample_cached(tiny_model(name), TINY[name].shape, None, item_keys([(0, "a")]))
    assert drawn.levels.shape == (1, *TINY[name].shape)
    assert drawn.levels.dtype == torch.int64
    assert 0 <= int(drawn.levels.min()) <= int(drawn.levels.max()) < 5


@all_models
def test_draws_follow_the_model(name: str) -> None:
    """Chi-square over all positions: how often each level follows each level before it, against forward's own odds."""
    num_levels, kind = 3, TINY[name].conditions[-1]
    model, condition = tiny_model(name, kind, num_levels), tiny_condition(kind, 2)
    perturb(model, seed=5, by=0.6 if len(TINY[name].shape) == 1 else 0.1)  # a WaveNet starts out near to uniform
    condition = None if condition is None else condition.rows(torch.arange(NUM_DRAWN) % 2)
    drawn = sample_cached(model, TINY[name].shape, condition, keys_of(NUM_DRAWN))
    p = model.distribution.log_probabilities(forwarded(model, drawn.levels, condition)).exp()
    assert abs(chi_square(model.to_sequence(drawn.levels), p)) < 4
    assert chi_square(model.to_sequence(drawn.levels), p.roll(1, 1)) > 10, "one position is as good as another"


NUM_DRAWN = 600
LEAST_VARIANCE = 5
"""A cell whose count varies less is left out: so small a count is far from Gaussian."""


def chi_square(x: Tensor, p: Tensor) -> float:
    """Levels x [B, N] against probabilities p [B, N, K], in standard deviations of what chance alone would give.

    A cell is a position, a level before it and a level at it. Its (observed - expected)² / variance has mean 1, and a
    variance of at most 3 where three levels share the count of the one before.
    """
    at = torch.nn.functional.one_hot(x, p.shape[-1]).to(p.dtype)
    before = at.roll(1, 1)
    before[:, 0] = 1  # no level stands before the first
    expected = torch.einsum("bnj,bnk->njk", before, p)
    variance = torch.einsum("bnj,bnk->njk", before, p * (1 - p))
    squares = (torch.einsum("bnj,bnk->njk", before, at) - expected) ** 2 / variance
    cells = squares[variance > LEAST_VARIANCE]
    return float((cells - 1).sum() / (3 * len(cells)) ** 0.5)


def keys_of(num_items: int) -> Tensor:
    return item_keys([(0, f"item {i}") for i in range(num_items)])


@all_models
@pytest.mark.parametrize("training", [True, False])
def test_the_models_mode_is_as_before(name: str, training: bool) -> None:
    model = tiny_model(name).train(training)
    sample_cached(model, TINY[name].shape, None, keys_of(1))
    assert {module.training for module in model.modules()} == {training}


@all_models
def test_two_pairs_of_items_are_drawn_side_by_side(name: str) -> None:
    """Nothing that a step leaves behind is kept in the model."""
    kind = TINY[name].conditions[-1]
    model, xs = tiny_model(name, kind), [tiny_levels(name, seed=seed) for seed in (1, 2)]
    conditions = [tiny_condition(kind, seed=seed) for seed in (1, 2)]
    alone = [stepped(model, x, condition) for x, condition in zip(xs, conditions, strict=True)]
    together = stepped_in_turn(model, xs, conditions)
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def stepped_in_turn(model: Autoregressive, xs: list[Tensor], conditions: list[Condition | None]) -> list[Tensor]:
    """What `stepped` gives for each of xs, a step of one and a step of the other in turn, each with its own cache."""
    caches = [model.init_cache(len(x), given, tuple(x.shape[1:])) for x, given in zip(xs, conditions, strict=True)]
    sequences = [model.to_sequence(x) for x in xs]
    collected: list[list[Tensor]] = [[] for _ in xs]
    for n in range(sequences[0].shape[1]):
        for i, sequence in enumerate(sequences):
            previous = None if n == 0 else sequence[:, n - 1]
            parameters, caches[i] = model.step(previous, caches[i])
            collected[i].append(parameters.clone())
    return [torch.stack(parts, 1) for parts in collected]


@all_models
def test_what_the_caller_brings_stays_as_it_is(name: str) -> None:
    kind = TINY[name].conditions[-1]
    model, x, condition, keys = tiny_model(name, kind), tiny_levels(name), tiny_condition(kind), keys_of(3)
    given = [x, keys, *([] if condition is None else [v for v in vars(condition).values() if v is not None])]
    before = [tensor.clone() for tensor in given]
    forwarded(model, x, condition)
    stepped(model, x, condition)
    sample_cached(model, TINY[name].shape, condition, keys)
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))
