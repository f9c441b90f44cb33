"""Samplers: the right distribution, the same items in any company, the same items for ever."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models import MODELS, build
from models.autoregressive import Autoregressive
from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key, item_keys
from models.distributions import DiscretisedLogisticMixture
from models.linear_ar import LinearAR, LinearARConfig
from models.sampling import Departures, Drawn, DrawnItem, LaneRequest, sample_cached, sample_lanes, sample_naive
from models.sampling.draws import PROGRESS_EVERY
from models.wavenet import WaveNet, WaveNetConfig
from tests.models.tiny import CONDITIONS, TINY, perturb, tiny_condition, tiny_model

GOLDEN = Path(__file__).parent.parent / "golden" / "sampled_levels.json"
both_samplers = pytest.mark.parametrize("sample", [sample_naive, sample_cached])
Sampler = Callable[..., Drawn]


def keys_of(num_lanes: int, seed: int = 0) -> Tensor:
    return item_keys([(seed, f"item {lane}") for lane in range(num_lanes)])


def in_whole_vectors(condition: ConditionConfig | None = None) -> Autoregressive:
    """A WaveNet in float32 whose channels are multiples of 8, so that its lanes are equal to the bit."""
    torch.manual_seed(0)
    model = WaveNet(
        WaveNetConfig(
            num_levels=16,
            residual_channels=8,
            gate_channels=16,
            skip_channels=24,
            head_channels=16,
            dilations=(1, 2, 4),
            num_stacks=2,
            condition=condition or ConditionConfig(),
        )
    )
    perturb(model, seed=0)
    return model


@both_samplers
def test_draws_follow_the_joint_distribution(sample: Sampler) -> None:
    # All nine items of two ternary timesteps, counted against their exact probabilities.
    model = tiny_model("wavenet", num_levels=3)
    drawn = sample(model, (2,), None, keys_of(6000))
    every_item = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    with torch.no_grad():
        expected = (-model.nll_nats(every_item).sum(1)).exp() * 6000
    counts = torch.bincount(drawn.levels[:, 0] * 3 + drawn.levels[:, 1], minlength=9)
    assert ((counts - expected) ** 2 / expected).sum() < 8 + 4 * 4  # mean 8, standard deviation 4


def test_temperature_crowds_the_likely() -> None:
    model, nll = tiny_model("wavenet"), []
    for temperature in (0.3, 1.0, 3.0):
        nll.append(sample_cached(model, (12,), None, keys_of(200), Departures(temperature)).nll_nats.mean().item())
    assert nll == sorted(nll)
    assert nll[2] > nll[0] + 1


def test_temperature_is_per_lane() -> None:
    model = tiny_model("wavenet")
    mixed = sample_cached(model, (12,), None, keys_of(2), Departures(torch.tensor([0.5, 2.0])))
    for lane, temperature in enumerate((0.5, 2.0)):
        alike = sample_cached(model, (12,), None, keys_of(2), Departures(temperature))
        assert torch.equal(mixed.levels[lane], alike.levels[lane])


@both_samplers
def test_a_lane_is_ignored_beyond_its_length(sample: Sampler) -> None:
    model, lengths = tiny_model("wavenet"), torch.tensor([12, 5, 0])
    whole, cut = sample(model, (12,), None, keys_of(3)), sample(model, (12,), None, keys_of(3), lengths=lengths)
    with torch.no_grad():
        nll_nats = model.nll_nats(whole.levels)
    for lane, length in enumerate(lengths.tolist()):
        assert torch.equal(cut.levels[lane, :length], whole.levels[lane, :length])
        assert (cut.levels[lane, length:] == 0).all()
        assert cut.nll_nats[lane].item() == pytest.approx(nll_nats[lane, :length].sum().item())


@both_samplers
def test_a_distribution_of_two_uniforms(sample: Sampler) -> None:
    torch.manual_seed(0)
    model = WaveNet(
        WaveNetConfig(
            num_levels=24,
            residual_channels=4,
            gate_channels=8,
            skip_channels=8,
            head_channels=8,
            dilations=(1, 2),
            num_stacks=1,
        )
    )
    model.distribution = DiscretisedLogisticMixture(24, 8)  # 24 outputs are 3 times 8
    drawn = sample(model.double(), (6,), None, keys_of(50))
    assert len(drawn.levels.unique()) > 5
    with torch.no_grad():
        torch.testing.assert_close(drawn.nll_nats, model.nll_nats(drawn.levels).sum(1), rtol=0, atol=1e-9)


@both_samplers
def test_the_model_keeps_its_mode_and_its_gradients(sample: Sampler) -> None:
    model = tiny_model("wavenet").train()
    modes: list[bool] = []
    drawn = sample(model, (3,), None, keys_of(1), on_progress=lambda _: modes.append(model.training))
    assert modes == [False]
    assert model.training
    model.nll_nats(drawn.levels).sum().backward()


@both_samplers
def test_progress_is_told_now_and_then_and_at_the_end(sample: Sampler) -> None:
    done: list[int] = []
    sample(LinearAR(LinearARConfig(order=2)), (2 * PROGRESS_EVERY + 3,), None, keys_of(1), on_progress=done.append)
    assert done == [PROGRESS_EVERY, 2 * PROGRESS_EVERY, 2 * PROGRESS_EVERY + 3]


class StopHere(Exception):
    """What a caller raises to stop."""


@both_samplers
def test_what_progress_raises_stops_the_sampling(sample: Sampler) -> None:
    def stop(done: int) -> None:
        raise StopHere(done)

    model = LinearAR(LinearARConfig(order=2)).train()
    with pytest.raises(StopHere, match=str(PROGRESS_EVERY)):
        sample(model, (5 * PROGRESS_EVERY,), None, keys_of(1), on_progress=stop)
    assert model.training


@both_samplers
@pytest.mark.parametrize("temperature", [0.0, -1.0, torch.tensor([1.0, 0.0])])
def test_a_temperature_of_zero_is_refused(sample: Sampler, temperature: float | Tensor) -> None:
    with pytest.raises(ValueError, match="a temperature is above 0"):
        sample(tiny_model("wavenet"), (3,), None, keys_of(2), Departures(temperature))


@both_samplers
def test_a_model_that_diverged_is_an_error_and_not_a_dataset_of_zeros(sample: Sampler) -> None:
    model = tiny_model("wavenet")
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match=r"not finite \(lanes \[0, 1\]\)"):
        sample(model, (3,), None, keys_of(2))


@both_samplers
@pytest.mark.parametrize("lengths", [[4, 1], [-1, 1], [1]])
def test_lengths_that_do_not_fit_are_refused(sample: Sampler, lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="lengths must be 2 numbers from 0 to 3"):
        sample(tiny_model("wavenet"), (3,), None, keys_of(2), lengths=torch.tensor(lengths))


def request_for(name: str, num_timesteps: int = 40, condition: Condition | None = None) -> LaneRequest:
    return LaneRequest((num_timesteps,), item_key(9, name), condition)


def same(one: DrawnItem, other: DrawnItem) -> bool:
    """Equal to the bit, likelihood included."""
    return torch.equal(one.levels, other.levels) and one.nll_nats == other.nll_nats


def test_an_item_is_the_same_in_any_company() -> None:
    model = in_whole_vectors()
    alone = sample_lanes(model, [request_for("it")], num_lanes=16)[0]
    for lane in (0, 3, 15):
        for others in ("a", "b"):
            company = [request_for(f"{others} {i}", 40 + lane) for i in range(16)]
            company[lane] = request_for("it")
            assert same(sample_lanes(model, company, num_lanes=16)[lane], alone)


def test_it_is_the_same_with_conditions_of_other_lengths() -> None:
    config = ConditionConfig({"speaker": 3}, num_phones=4, num_features=2, hop=4, channels=8)
    model = in_whole_vectors(config)

    def one(name: str, num_frames: int) -> LaneRequest:
        generator = torch.Generator().manual_seed(len(name))
        phones = torch.randint(0, 4, (1, num_frames), generator=generator)
        features = torch.randn(1, num_frames, 2, generator=generator)
        return request_for(name, 4 * num_frames, Condition(torch.tensor([[len(name) % 3]]), phones, features))

    alone = sample_lanes(model, [one("it", 5)], num_lanes=8)[0]
    together = sample_lanes(model, [one("a", 2), one("bcd", 9), one("it", 5)], num_lanes=8)
    assert same(together[2], alone)
    assert [len(item.levels) for item in together] == [8, 36, 20]


def test_lanes_give_what_the_plain_sampler_gives() -> None:
    model = tiny_model("wavenet", "both")
    condition = tiny_condition("both", batch_size=1)
    item = sample_lanes(model, [LaneRequest((12,), item_key(0, "item 0"), condition, Departures(0.7))], num_lanes=8)[0]
    plain = sample_naive(model, (12,), condition, keys_of(1), Departures(0.7))
    assert torch.equal(item.levels, plain.levels[0])
    assert item.nll_nats == pytest.approx(plain.nll_nats.item())


def test_a_waveform_may_end_within_a_frame() -> None:
    model, condition = tiny_model("wavenet", "both"), tiny_condition("both", batch_size=1)
    requests = [LaneRequest((length,), item_key(0, "a"), condition) for length in (12, 11)]
    whole, cut = sample_lanes(model, requests, num_lanes=8)
    assert torch.equal(cut.levels, whole.levels[:11])
    assert cut.nll_nats < whole.nll_nats


@pytest.mark.parametrize("name", ["pixelcnn", "gated_pixelcnn"])
def test_pictures_in_lanes(name: str) -> None:
    model = tiny_model(name, "global")
    condition = tiny_condition("global", batch_size=1)
    requests = [LaneRequest(TINY[name].shape, item_key(0, f"item {i}"), condition) for i in range(3)]
    items = sample_lanes(model, requests, num_lanes=8)
    plain = sample_cached(model, TINY[name].shape, condition, keys_of(1))
    assert torch.equal(items[0].levels, plain.levels[0])
    assert not torch.equal(items[0].levels, items[1].levels)
    with pytest.raises(ValueError, match="pictures drawn together must have one shape"):
        sample_lanes(model, [*requests, LaneRequest((2, 4, 4), (0, 0), condition)], num_lanes=8)


def test_lanes_that_do_not_fit_are_refused() -> None:
    model = in_whole_vectors()
    with pytest.raises(ValueError, match="multiple of 8, so that lanes are equal, got 12"):
        sample_lanes(model, [request_for("a")], num_lanes=12)
    with pytest.raises(ValueError, match="1 to 8 requests for 8 lanes, where a guided one counts twice, got 9"):
        sample_lanes(model, [request_for("a")] * 9, num_lanes=8)
    with pytest.raises(ValueError, match="got 0"):
        sample_lanes(model, [], num_lanes=8)
    with_speaker = request_for("b", condition=Condition(torch.tensor([[0]])))
    with pytest.raises(ValueError, match="7 of 8 lanes have no attributes"):
        sample_lanes(model, [request_for("a"), with_speaker], num_lanes=8)


def golden_items() -> dict[str, Any]:
    """What every model of the registry draws for one seed, its weights set by arithmetic alone."""
    drawn = {}
    for name in MODELS:
        tiny = TINY[name]
        model = build(name, tiny.config(8, CONDITIONS["none"])).double()
        with torch.no_grad():
            for index, parameter in enumerate(model.parameters()):
                count = torch.arange(parameter.numel(), dtype=torch.float64).reshape(parameter.shape)
                parameter.copy_(((count * 0.618034 + index * 0.414214) % 1 - 0.5) * 1.6)
        drawn[name] = sample_cached(model, tiny.shape, None, item_keys([(42, "golden")])).levels[0].flatten().tolist()
    return drawn


def test_golden_items() -> None:
    # A change here means that no seed gives the items that it gave before. If that is meant, say so in CHANGELOG.md.
    assert golden_items() == json.loads(GOLDEN.read_text())


def test_cached_sampling_is_hundreds_of_times_faster_than_naive() -> None:
    # Naive work grows with T, cached does not: at T = 4000 the ratio of the work is 4000. Timed on few positions.
    torch.manual_seed(0)
    model = WaveNet(
        WaveNetConfig(residual_channels=32, gate_channels=64, skip_channels=64, head_channels=64, num_stacks=2)
    )
    num_timesteps = 4000
    with torch.inference_mode():
        start = time.process_time()
        model(torch.zeros(4, num_timesteps, dtype=torch.int64))
        naive_s = time.process_time() - start
        cache = model.init_cache(4, None, (num_timesteps,))
        previous = torch.zeros(4, dtype=torch.int64)
        start = time.process_time()
        for _ in range(100):
            _, cache = model.step(previous, cache)
        cached_s = (time.process_time() - start) / 100
    assert naive_s / cached_s > 100


@both_samplers
@pytest.mark.parametrize("shape", [(1, 4, 4), ()])
def test_a_waveform_has_one_axis(sample: Sampler, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a shape \(T,\), got \("):
        sample(LinearAR(LinearARConfig(order=2, num_levels=4)), shape, None, keys_of(1))
