"""Classifier-free guidance: the formula, its ends, and rows that leave their neighbours alone."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key, item_keys
from models.sampling import Departures, LaneRequest, rows_taken, sample_cached, sample_lanes, sample_naive
from models.sampling.guidance import Rows, rows_of
from models.sampling.lanes import stack_conditions
from models.wavenet import WaveNet, WaveNetConfig
from tests.models.tiny import CONDITIONS, TINY, perturb, tiny_condition, tiny_model


def keys_of(num_lanes: int, seed: int = 0) -> Tensor:
    return item_keys([(seed, f"item {lane}") for lane in range(num_lanes)])


def telling_model(num_levels: int) -> Autoregressive:
    """A conditional WaveNet to which its condition matters."""
    model = tiny_model("wavenet", "global", num_levels)
    perturb(model, seed=1, by=0.6)
    return model


def same_for(num_items: int, condition: Condition) -> Condition:
    """A condition of batch 1 for so many items."""
    return condition.rows(torch.zeros(num_items, dtype=torch.int64))


def unconditional(condition: Condition, num_items: int) -> Condition:
    return replace(condition, dropped=torch.ones(num_items, dtype=torch.bool))


def guided_pair_probabilities(model: Autoregressive, condition: Condition, w: float) -> Tensor:
    """[K·K]: how likely each pair of timesteps is: p(x) (p(x | c) / p(x))^w at each, made to sum to one; by loops."""
    k = model.distribution.num_levels
    pairs = torch.cartesian_prod(torch.arange(k), torch.arange(k))
    condition = same_for(len(pairs), condition)
    with torch.no_grad():
        with_it = torch.softmax(model(pairs, condition), -1).tolist()
        without = torch.softmax(model(pairs, unconditional(condition, len(pairs))), -1).tolist()
    joint = []
    for n, pair in enumerate(pairs.tolist()):
        p = 1.0
        for t, level in enumerate(pair):
            weights = [q * (c / q) ** w for c, q in zip(with_it[n][t], without[n][t], strict=True)]
            p *= weights[level] / sum(weights)
        joint.append(p)
    return torch.tensor(joint, dtype=torch.float64)


def excess(counts: Tensor, expected: Tensor) -> float:
    """How many standard deviations the chi-square of counts is above its mean."""
    freedom = len(expected) - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom))


@pytest.mark.parametrize("w", [0.0, 0.5, 2.5])
def test_guided_draws_follow_the_formula(w: float) -> None:
    model, condition, num_items = telling_model(3), tiny_condition("global", 1), 6000
    assert condition is not None
    drawn = sample_cached(model, (2,), same_for(num_items, condition), keys_of(num_items), Departures(guidance=w))
    counts = torch.bincount(drawn.levels[:, 0] * 3 + drawn.levels[:, 1], minlength=9)
    assert excess(counts, guided_pair_probabilities(model, condition, w) * num_items) < 4
    for other in (1.0, 2 - w):  # 2 - w: the difference with its sign turned
        assert excess(counts, guided_pair_probabilities(model, condition, other) * num_items) > 20
    with torch.no_grad():  # scored as the conditional model has it, whatever it was drawn with
        expected = model.nll_nats(drawn.levels, same_for(num_items, condition)).sum(1)
    torch.testing.assert_close(drawn.nll_nats, expected, rtol=0, atol=1e-9)


CASES = [("wavenet", "both"), ("gated_pixelcnn", "vector"), ("gated_pixelcnn grey", "global and planes")]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_without_guidance_it_is_the_model_whose_condition_is_dropped(name: str, kind: str) -> None:
    model, shape, condition = tiny_model(name, kind), TINY[name].shape, tiny_condition(kind)
    perturb(model, seed=1, by=0.6)
    assert condition is not None
    drawn = sample_cached(model, shape, condition, keys_of(3), Departures(guidance=0.0))
    dropped = sample_cached(model, shape, unconditional(condition, 3), keys_of(3))
    assert torch.equal(drawn.levels, dropped.levels)
    assert not torch.equal(drawn.levels, sample_cached(model, shape, condition, keys_of(3)).levels)
    again = sample_cached(model, shape, unconditional(condition, 3), keys_of(3), Departures(guidance=3.0))
    assert torch.equal(again.levels, dropped.levels)  # what is dropped already has nothing to be guided by


def test_lanes_are_guided_one_by_one() -> None:
    model, condition = telling_model(5), tiny_condition("global", 4)
    plain = sample_cached(model, (12,), condition, keys_of(4))
    mixed = sample_cached(model, (12,), condition, keys_of(4), Departures(guidance=torch.tensor([1.0, 3.0, 1.0, 0.5])))
    for lane, w in enumerate((1.0, 3.0, 1.0, 0.5)):
        alike = sample_naive(model, (12,), condition, keys_of(4), Departures(guidance=w))
        assert torch.equal(mixed.levels[lane], alike.levels[lane])
    for lane in (0, 2):
        assert torch.equal(mixed.levels[lane], plain.levels[lane])
        assert mixed.nll_nats[lane] == plain.nll_nats[lane]


def test_the_rows_of_guided_lanes_stand_after_all_lanes() -> None:
    model = tiny_model("wavenet", "global")
    rows = rows_of(model, torch.tensor([1.0, 2.0, 1.0, 0.0], dtype=torch.float64))
    assert rows.lane.tolist() == [0, 1, 2, 3, 1, 3]
    condition = rows.condition(tiny_condition("global", 4))
    assert condition is not None
    assert condition.attributes is not None
    assert condition.dropped is not None
    assert condition.dropped.tolist() == [False] * 4 + [True] * 2
    assert torch.equal(condition.attributes[4:], condition.attributes[[1, 3]])
    some_dropped = rows.condition(tiny_condition("global, some dropped", 4))
    assert some_dropped is not None
    assert some_dropped.dropped is not None
    assert some_dropped.dropped.tolist() == [True, False, True, False, True, True]


def test_levels_that_one_of_the_two_excludes() -> None:
    inf = math.inf
    both = torch.tensor([[0.0, -inf, -1.0, -inf], [-1.0, -2.0, -inf, -inf]], dtype=torch.float64)  # with it, without
    for w, possible in ((0.0, [0, 1]), (0.5, [0]), (1.5, [2])):  # at last, what the condition alone allows
        combined = Rows(torch.tensor([0, 0]), 1, torch.tensor([[w]])).combined(both)
        probabilities = torch.softmax(combined[0], -1)
        assert probabilities.nonzero().flatten().tolist() == possible
        assert probabilities.sum() == pytest.approx(1)


def test_a_model_without_condition_cannot_be_guided() -> None:
    with pytest.raises(ValueError, match="this model has none: leave it at 1, got 2"):
        sample_cached(tiny_model("wavenet"), (3,), None, keys_of(2), Departures(guidance=2.0))


def in_whole_vectors() -> Autoregressive:
    """A conditional WaveNet in float32 whose channels are multiples of 8, so that its lanes are equal to the bit."""
    torch.manual_seed(0)
    condition = ConditionConfig({"speaker": 3, "emotion": 2}, channels=8)
    model = WaveNet(WaveNetConfig(16, 8, 16, 24, 16, dilations=(1, 2, 4), num_stacks=2, condition=condition))
    perturb(model, seed=0)
    return model


def request_for(name: str, departures: Departures) -> LaneRequest:
    return LaneRequest((40,), item_key(9, name), tiny_condition("global", 1, seed=len(name)), departures)


PLAIN, CUT, GUIDED = Departures(), Departures(0.7, 5, 0.9), Departures(0.8, 12, 0.95, 2.0)


@pytest.mark.parametrize("its", [PLAIN, CUT, GUIDED], ids=["plain", "cut", "guided"])
def test_an_item_is_the_same_to_the_bit_whether_its_neighbours_are_guided_or_not(its: Departures) -> None:
    model = in_whole_vectors()
    alone = sample_lanes(model, [request_for("it", its)], num_lanes=16)[0]
    for others in (PLAIN, CUT, GUIDED):
        num_others = (16 - rows_taken(its)) // rows_taken(others)
        company = [request_for("other" * (1 + lane % 3), others) for lane in range(num_others)]
        for lane in (0, 3, num_others):
            requests = [*company[:lane], request_for("it", its), *company[lane:]]
            item = sample_lanes(model, requests, num_lanes=16)[lane]
            assert torch.equal(item.levels, alone.levels)
            assert item.nll_nats == alone.nll_nats


def test_the_number_of_rows_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = in_whole_vectors(), []
    init_cache = WaveNet.init_cache

    def noted(model: WaveNet, batch_size: int, *given: Any) -> Any:
        seen.append(batch_size)
        return init_cache(model, batch_size, *given)

    monkeypatch.setattr(WaveNet, "init_cache", noted)
    for departures in ([PLAIN], [GUIDED], [GUIDED, CUT, GUIDED], [GUIDED] * 4):
        sample_lanes(model, [request_for("it", one) for one in departures], num_lanes=8)
    assert seen == [8] * 4
    with pytest.raises(ValueError, match="a guided one counts twice, got 9"):
        sample_lanes(model, [request_for("it", one) for one in [GUIDED] * 4 + [PLAIN]], num_lanes=8)


def test_lanes_give_what_the_plain_sampler_gives() -> None:
    model, condition = telling_model(5), tiny_condition("global", 1)
    item = sample_lanes(model, [LaneRequest((12,), item_key(0, "item 0"), condition, GUIDED)], num_lanes=8)[0]
    plain = sample_naive(model, (12,), condition, keys_of(1), GUIDED)
    assert torch.equal(item.levels, plain.levels[0])
    assert item.nll_nats == pytest.approx(plain.nll_nats.item())


@pytest.mark.parametrize("kind", [kind for kind in CONDITIONS if kind != "none"])
def test_conditions_of_every_kind_are_stacked(kind: str) -> None:
    batch = tiny_condition(kind)
    assert batch is not None
    alone = [batch.rows(torch.tensor([lane])) for lane in range(3)]
    stacked = stack_conditions([alone[0], replace(alone[1], dropped=None), alone[2]])
    assert stacked is not None
    for name in ("attributes", "phones", "features", "vector", "planes"):
        expected, found = getattr(batch, name), getattr(stacked, name)
        assert (expected is None) == (found is None)
        assert expected is None or torch.equal(found, expected)
    assert stacked.dropped is not None
    expected = [False] * 3 if batch.dropped is None else batch.dropped.tolist()
    assert stacked.dropped.tolist() == [expected[0], False, expected[2]]


def test_vectors_of_different_lengths_are_refused_and_not_filled_up() -> None:
    conditions = [Condition(vector=torch.ones(1, size)) for size in (3, 2)]
    with pytest.raises(ValueError, match=r"vector must have one shape in all lanes, got \[\(1, 2\), \(1, 3\)\]"):
        stack_conditions(conditions)
