"""Temperature, top-k and top-p: against slow loops, against counts, and nobody's business but the lane's own."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models import MODELS
from models.autoregressive import Autoregressive
from models.counter_random import item_keys
from models.distributions import Categorical, DiscretisedGaussian, DiscretisedLogisticMixture, Distribution
from models.sampling import ALL_LEVELS, NO_DEPARTURES, Departures, Kept, sample_cached, sample_naive
from models.sampling.choosing import LOG_PROBABILITIES_AT_ONCE, MOST_LEVELS, Chooser, log_probabilities, truncated
from models.sampling.guidance import Rows
from tests.models.tiny import TINY, perturb, tiny_condition, tiny_levels, tiny_model

MIXTURE = DiscretisedLogisticMixture(16, 3)
FAMILIES: list[Distribution] = [Categorical(16), DiscretisedGaussian(16), MIXTURE]
every_family = pytest.mark.parametrize("distribution", FAMILIES, ids=str)

PATHS_AGREE = [(name, TINY[name].conditions[-1]) for name in MODELS] + [
    ("wavenet 16-bit", "transposed, some dropped"),
    ("gated_pixelcnn grey", "global and planes"),
]
"""Every model of the registry, under the last of its kinds of condition; a mixture of levels; a map."""


def keys_of(num_lanes: int, seed: int = 0) -> Tensor:
    return item_keys([(seed, f"item {lane}") for lane in range(num_lanes)])


def kept_by_loops(probabilities: Sequence[float], top_k: int, top_p: float) -> list[float]:
    """What the words say, level by level: probabilities of what stays, which sum to one."""
    likeliest = sorted(range(len(probabilities)), key=lambda level: (-probabilities[level], level))[:top_k]
    total, reached, staying = sum(probabilities[level] for level in likeliest), 0.0, []
    for level in likeliest:
        staying.append(level)
        reached += probabilities[level] / total
        if reached >= top_p:
            break
    mass = sum(probabilities[level] for level in staying)
    return [p / mass if level in staying else 0.0 for level, p in enumerate(probabilities)]


def truncated_to_one(probabilities: Tensor, top_k: int, top_p: float) -> Tensor:
    """`truncated` for one row, its sum made 1."""
    kept = truncated(probabilities.log()[None], torch.tensor([top_k]), torch.tensor([top_p], dtype=torch.float64))[0]
    return kept / kept.sum()


@pytest.mark.parametrize("top_k", [1, 2, 5, 7, ALL_LEVELS])
@pytest.mark.parametrize("top_p", [1e-9, 0.2, 0.55, 0.9, 1.0])
def test_what_stays_is_what_slow_loops_keep(top_k: int, top_p: float) -> None:
    generator = torch.Generator().manual_seed(0)
    for spread in (0.5, 3.0):
        # Logits in halves, so that some levels are equally likely.
        logits = (spread * 2 * torch.randn(20, 9, generator=generator, dtype=torch.float64)).round() / 2
        for probabilities in torch.softmax(logits, -1):
            expected = torch.tensor(kept_by_loops(probabilities.tolist(), top_k, top_p), dtype=torch.float64)
            torch.testing.assert_close(truncated_to_one(probabilities, top_k, top_p), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("probabilities", "top_k", "top_p", "staying"),
    [
        ([0.125, 0.5, 0.25, 0.125], 4, 0.6, [1, 2]),  # the level that crosses p stays
        ([0.125, 0.5, 0.25, 0.125], 4, 0.5, [1]),  # p is reached exactly
        ([0.125, 0.5, 0.25, 0.125], 3, 1.0, [0, 1, 2]),  # of two that are equally likely the lower stays
        ([0.25, 0.25, 0.25, 0.25], 4, 0.5, [0, 1]),
        ([0.25, 0.25, 0.25, 0.25], 3, 1.0, [0, 1, 2]),
        ([0.1, 0.2, 0.3, 0.4], 2, 0.5, [3]),  # 0.4 of 0.7 is more than half: what top_k leaves sums to one again
        ([0.1, 0.2, 0.3, 0.4], 1, 1e-9, [3]),
        ([0.0, 0.0, 1.0, 0.0], 4, 1.0, [2]),
    ],
)
def test_which_levels_stay(probabilities: list[float], top_k: int, top_p: float, staying: list[int]) -> None:
    kept = truncated_to_one(torch.tensor(probabilities, dtype=torch.float64), top_k, top_p)
    assert kept.nonzero().flatten().tolist() == staying


def test_all_levels_stay_where_none_is_cut_though_sums_are_rounded() -> None:
    log_p = torch.log_softmax(torch.randn(50, 999, generator=torch.Generator().manual_seed(0)) * 9, -1)
    kept = truncated(log_p, torch.full((50,), ALL_LEVELS), torch.ones(50))
    assert (kept > 0).all()


def pair_probabilities(model: Autoregressive, departures: Departures) -> Tensor:
    """[K·K]: how likely each pair of timesteps is when both are drawn with these departures; by loops."""
    num_levels = model.distribution.num_levels
    pairs = torch.cartesian_prod(torch.arange(num_levels), torch.arange(num_levels))
    with torch.no_grad():
        probabilities = torch.softmax(model(pairs) / float(departures.temperature), -1).tolist()
    top_k, top_p = int(departures.top_k), float(departures.top_p)
    joint = [
        kept_by_loops(first, top_k, top_p)[one] * kept_by_loops(second, top_k, top_p)[other]
        for (first, second), (one, other) in zip(probabilities, pairs.tolist(), strict=True)
    ]
    return torch.tensor(joint, dtype=torch.float64)


def chi_square_excess(counts: Tensor, expected: Tensor) -> float:
    """How many standard deviations the chi-square of counts is above its mean, over what can be drawn at all."""
    assert counts[expected == 0].sum() == 0
    seen, wanted = counts[expected > 0].double(), expected[expected > 0]
    freedom = max(1, len(wanted) - 1)
    return float((((seen - wanted) ** 2 / wanted).sum() - freedom) / math.sqrt(2 * freedom))


@pytest.mark.parametrize(
    "departures",
    [
        NO_DEPARTURES,
        Departures(temperature=0.5),
        Departures(top_k=2),
        Departures(top_p=0.6),
        Departures(temperature=2.0, top_k=3, top_p=0.8),
    ],
    ids=str,
)
def test_draws_follow_the_probabilities_that_are_left(departures: Departures) -> None:
    model, num_items = tiny_model("wavenet", num_levels=4), 6000
    perturb(model, seed=1, by=0.5)
    drawn = sample_cached(model, (2,), None, keys_of(num_items), departures).levels
    counts = torch.bincount(drawn[:, 0] * 4 + drawn[:, 1], minlength=16)
    expected = pair_probabilities(model, departures) * num_items
    assert chi_square_excess(counts, expected) < 4
    if departures != NO_DEPARTURES:  # and nobody would take them for the model's own
        assert chi_square_excess(counts, pair_probabilities(model, NO_DEPARTURES) * num_items) > 20


@every_family
def test_other_families_are_truncated_in_their_own_sense_of_temperature(distribution: Distribution) -> None:
    generator = torch.Generator().manual_seed(3)
    parameters = torch.randn(distribution.num_parameters, generator=generator, dtype=torch.float64)
    departures = Departures(temperature=0.6, top_k=7, top_p=0.9)
    uniforms = torch.rand(8000, distribution.num_uniforms, generator=generator)
    levels = chooser(distribution, departures, 8000).levels(parameters.expand(8000, -1), uniforms)
    tempered = distribution.log_probabilities(distribution.tempered(parameters, 0.6)).exp()
    expected = torch.tensor(kept_by_loops(tempered.tolist(), 7, 0.9), dtype=torch.float64) * 8000
    assert chi_square_excess(torch.bincount(levels, minlength=distribution.num_levels), expected) < 4


def chooser(distribution: Distribution, departures: Departures, num_lanes: int) -> Chooser:
    """One that draws for so many lanes, none of them guided."""
    rows = Rows(torch.arange(num_lanes), num_lanes, torch.zeros(0, 1))
    return Chooser(distribution, rows, departures.for_lanes(num_lanes, torch.device("cpu")))


@every_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_lane_that_does_not_depart_is_drawn_by_the_family_alone(
    distribution: Distribution, dtype: torch.dtype
) -> None:
    generator = torch.Generator().manual_seed(4)
    parameters = torch.randn(512, distribution.num_parameters, generator=generator, dtype=dtype)
    uniforms = torch.rand(512, distribution.num_uniforms, generator=generator)
    departing = torch.arange(512) % 2 == 0
    mixed = Departures(torch.where(departing, 0.5, 1.0), torch.where(departing, 1, ALL_LEVELS))
    levels = chooser(distribution, mixed, 512).levels(parameters, uniforms)
    plain = distribution.draw(parameters, uniforms)
    assert torch.equal(levels[~departing], plain[~departing])
    likeliest = distribution.log_probabilities(distribution.tempered(parameters, 0.5)).argmax(-1)
    assert torch.equal(levels[departing], likeliest[departing])
    assert not torch.equal(plain, likeliest)


@pytest.mark.parametrize("name", ["wavenet", "linear_ar", "wavenet 16-bit"])
def test_neighbours_that_depart_change_no_bit_of_a_plain_lane(name: str) -> None:
    model = tiny_model(name)
    plain = sample_cached(model, TINY[name].shape, None, keys_of(4))
    mixed = Departures(torch.tensor([1, 0.3, 1, 2]), torch.tensor([ALL_LEVELS, 2, 5, 3]), torch.tensor([1, 1, 1, 0.5]))
    company = sample_cached(model, TINY[name].shape, None, keys_of(4), mixed)
    for lane in (0, 2):  # top_k of all five levels cuts nothing
        assert torch.equal(company.levels[lane], plain.levels[lane])
        assert company.nll_nats[lane] == plain.nll_nats[lane]
    assert not torch.equal(company.levels[[1, 3]], plain.levels[[1, 3]])


@pytest.mark.parametrize(("name", "kind"), PATHS_AGREE)
def test_both_samplers_agree_whatever_the_lanes_ask_for(name: str, kind: str) -> None:
    """All departures, guided lanes, given levels and lanes of different lengths at once."""
    model, shape = tiny_model(name, kind), TINY[name].shape
    condition = tiny_condition(kind, 5, size=shape[1:] if len(shape) == 3 else (4, 4))
    departures = Departures(
        torch.tensor([1, 0.5, 2, 1, 0.8]),
        torch.tensor([ALL_LEVELS, 3, ALL_LEVELS, ALL_LEVELS, 4]),
        torch.tensor([1, 1, 0.7, 1, 0.9]),
        torch.tensor([1.0, 1, 1, 1, 1] if kind == "none" else [1, 2, 0, 1, 1.5]),
    )
    kept = Kept(tiny_levels(name, 5), torch.rand(5, *shape, generator=torch.Generator().manual_seed(5)) < 0.3)
    lengths = torch.tensor([math.prod(shape)] * 3 + [5, 7])
    given = (model, shape, condition, keys_of(5), departures, lengths, kept)
    both = [sample(*given) for sample in (sample_naive, sample_cached)]
    assert torch.equal(both[0].levels, both[1].levels)
    torch.testing.assert_close(both[0].nll_nats, both[1].nll_nats, rtol=0, atol=1e-9)
    plain = sample_cached(model, shape, condition, keys_of(5), lengths=lengths)
    assert not torch.equal(both[0].levels, plain.levels)


def test_a_draw_at_a_high_temperature_is_scored_as_the_model_has_it() -> None:
    model = tiny_model("wavenet")
    drawn = sample_cached(model, (12,), None, keys_of(3), Departures(3.0, 4, 0.9))
    with torch.no_grad():
        torch.testing.assert_close(drawn.nll_nats, model.nll_nats(drawn.levels).sum(1), rtol=0, atol=1e-9)


def test_only_a_few_rows_of_many_levels_are_scored_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    distribution, rows = DiscretisedLogisticMixture(MOST_LEVELS, 2), []
    whole = Distribution.log_probabilities

    def noted(family: Distribution, parameters: Tensor) -> Tensor:
        rows.append(len(parameters))
        return whole(family, parameters)

    monkeypatch.setattr(Distribution, "log_probabilities", noted)
    parameters = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    log_p = log_probabilities(distribution, parameters)
    assert max(rows) * MOST_LEVELS <= LOG_PROBABILITIES_AT_ONCE
    assert sum(rows) == len(log_p) == 6
    levels = torch.tensor([0, 1, 1000, 32768, 65534, 65535])
    expected = -distribution.nll_nats(parameters, levels)
    torch.testing.assert_close(log_p[torch.arange(6), levels], expected)


def test_levels_too_many_to_be_weighed_are_refused() -> None:
    distribution = DiscretisedGaussian(2 * MOST_LEVELS)
    chooser(distribution, Departures(temperature=0.5), 2)
    with pytest.raises(ValueError, match="at most 65536 of them, and the model has 131072: leave them"):
        chooser(distribution, Departures(top_p=0.9), 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"temperature": 0.0}, "a temperature is above 0 .*, got 0.0"),
        ({"temperature": math.nan}, "a temperature is above 0"),
        ({"temperature": math.inf}, "a temperature is above 0"),
        ({"temperature": torch.tensor([1.0, -1.0])}, r"a temperature is above 0 .*, got \[1.0, -1.0\]"),
        ({"top_k": 0}, "top_k is a whole number of levels, 1 or more, got 0"),
        ({"top_k": 2.0}, "top_k is a whole number of levels, 1 or more, got 2.0"),
        ({"top_k": True}, "top_k is a whole number"),
        ({"top_k": torch.tensor([1.0])}, "top_k is a whole number"),
        ({"top_p": 0.0}, "top_p is above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p is above 0 and at most 1"),
        ({"top_p": torch.tensor([0.5, math.nan])}, "top_p is above 0 and at most 1"),
        ({"guidance": -1.0}, "guidance is 0 or more"),
        ({"guidance": math.inf}, "guidance is 0 or more"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(given: dict[str, float | Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Departures(**given)  # type: ignore[arg-type]


def test_departures_are_one_or_one_for_each_lane() -> None:
    with pytest.raises(ValueError, match=r"top_p must be one number or 3, one per lane, got shape \(2,\)"):
        sample_cached(tiny_model("wavenet"), (2,), None, keys_of(3), Departures(top_p=torch.tensor([0.5, 1.0])))
