"""The fused kernel of WaveNet: equal to naive on every level of processor, and the same item in any company."""

from dataclasses import replace
from typing import cast

import pytest
import torch

from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key, item_keys, uniforms
from models.native import best
from models.native.wavenet import NativeWaveNet
from models.sampling import Departures, DrawnItem, Kept, LaneRequest, sample_cached, sample_naive
from models.sampling.fused import checked_items, sample_fused, why_not_fused
from models.sampling.fused_waveforms import WaveformLanes
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_context import ContextStackConfig
from tests.models.native.levels import in_every_precision, library_of, needs_kernels, on_every_level
from tests.models.tiny import CASES, TINY, perturb, tiny_condition, tiny_model

pytestmark = needs_kernels

waveforms = [(name, kind) for name, kind in CASES if name.startswith("wavenet")]


def drawn_on(
    level: str, model: WaveNet, requests: list[LaneRequest], num_lanes: int = 4, dtype: torch.dtype = torch.float32
) -> list[DrawnItem]:
    """`sample_fused` on a level of processor."""
    with torch.inference_mode():
        run = WaveformLanes(model, requests, num_lanes, library_of(level), dtype)
        while run.advance():
            pass
    return checked_items(run.items())


def float32(name: str, kind: str = "none", num_levels: int = 5) -> WaveNet:
    """A tiny model as it is sampled."""
    return cast(WaveNet, tiny_model(name, kind, num_levels).float().eval())


def requests_of(condition: Condition | None, num_items: int, num_timesteps: int = 12) -> list[LaneRequest]:
    """One for each item, with its part of a condition."""
    parts = [None if condition is None else condition.rows(torch.tensor([i])) for i in range(num_items)]
    return [LaneRequest((num_timesteps,), item_key(5, f"item {i}"), part) for i, part in enumerate(parts)]


@on_every_level
@pytest.mark.parametrize(("name", "kind"), waveforms)
def test_it_draws_what_naive_draws(level: str, name: str, kind: str) -> None:
    model, condition = float32(name, kind), tiny_condition(kind)
    condition = None if condition is None else condition.each(lambda x: x.float() if x.is_floating_point() else x)
    naive = sample_naive(model, (12,), condition, item_keys([(5, f"item {i}") for i in range(3)]))
    fused = drawn_on(level, model, requests_of(condition, 3))
    assert torch.equal(torch.stack([item.levels for item in fused]), naive.levels)
    expected = naive.nll_nats.tolist()
    assert [item.nll_nats for item in fused] == pytest.approx(expected, abs=2e-4)


SHAPES = {
    "odd widths, three taps": WaveNetConfig(
        37, 20, 44, 33, 19, kernel_size=3, dilations=(1, 2, 5), num_stacks=2, input_kernel_size=3
    ),
    "panels and a rest": WaveNetConfig(256, 48, 96, 112, 80, kernel_size=2, dilations=(1, 3), num_stacks=2),
    "a skip product in chunks": WaveNetConfig(256, 16, 64, 64, 64, dilations=(1, 2, 4, 8, 16), num_stacks=2),
    "one layer": WaveNetConfig(16, 8, 16, 8, 8, kernel_size=5, dilations=(2,), num_stacks=1),
    "sixteen bits": WaveNetConfig(
        65536, 24, 48, 32, 32, dilations=(1, 2), num_stacks=1, input="scalar", output="logistic_mixture"
    ),
}


def built(config: WaveNetConfig) -> WaveNet:
    torch.manual_seed(3)
    model = WaveNet(config)
    perturb(model, seed=4, by=0.1)
    return model.eval()


@on_every_level
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_lanes", [1, 7, 13])
def test_its_parameters_are_those_of_the_whole_network(level: str, shape: str, num_lanes: int) -> None:
    model = built(SHAPES[shape])
    net = NativeWaveNet(model, num_lanes, library_of(level), torch.float32)
    for lane in range(num_lanes):
        net.start(lane, item_key(1, str(lane)), 1.0)
    spans = [net.run(num_timesteps, with_parameters=True) for num_timesteps in (1, 20, 9)]
    levels = torch.cat([span.levels for span in spans]).t().long()
    parameters = torch.cat([span.parameters for span in spans if span.parameters is not None]).transpose(0, 1)
    with torch.no_grad():
        torch.testing.assert_close(parameters, model(levels), rtol=2e-5, atol=2e-5)
        nll_nats = torch.cat([span.nll_nats for span in spans]).t()
        # Of 65,536 thin bins a unit of the last place of a mean is felt.
        expected = model.distribution.nll_nats(parameters.double(), levels)
        torch.testing.assert_close(nll_nats, expected.double(), rtol=0, atol=1e-8)


@on_every_level
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("shape", ["odd widths, three taps", "sixteen bits"])
def test_the_draw_is_that_of_the_distribution(level: str, shape: str, temperature: float) -> None:
    """From the kernel's own parameters and the same random numbers, torch draws the same level every time."""
    model, num_lanes, num_timesteps = built(SHAPES[shape]), 32, 150
    net = NativeWaveNet(model, num_lanes, library_of(level), torch.float32)
    keys = [item_key(2, str(lane)) for lane in range(num_lanes)]
    for lane, key in enumerate(keys):
        net.start(lane, key, temperature)
    span = net.run(num_timesteps, with_parameters=True)
    assert span.parameters is not None
    positions = torch.arange(num_timesteps)
    numbers = uniforms(torch.tensor(keys), positions, torch.zeros_like(positions), model.distribution.num_uniforms)
    expected = model.distribution.draw(span.parameters.transpose(0, 1), numbers, temperature)
    assert torch.equal(span.levels.t().long(), expected)


def uneven(num_items: int, condition: bool = True) -> list[LaneRequest]:
    """Items of very different lengths, with frames of two timesteps and a speaker."""
    generator = torch.Generator().manual_seed(0)
    requests = []
    for number in range(num_items):
        num_timesteps = int(torch.randint(10, 100, (1,), generator=generator))
        phones = torch.randint(0, 4, (1, -(-num_timesteps // 2)), generator=generator)
        given = Condition(torch.tensor([[number % 3]]), phones) if condition else None
        requests.append(LaneRequest((num_timesteps,), item_key(7, str(number)), given, Departures(0.5 + number % 2)))
    return requests


@in_every_precision
def test_an_item_is_the_same_in_any_lane_and_company(level: str, dtype: torch.dtype) -> None:
    config = WaveNetConfig(256, 32, 64, 48, 32, dilations=(1, 2, 4), num_stacks=2)
    both = ConditionConfig({"speaker": 3}, num_phones=4, hop=2, channels=8)
    model, requests = built(replace(config, condition=both)), uneven(9)
    together = drawn_on(level, model, requests, 4, dtype)
    wide = drawn_on(level, model, requests[::-1], 9, dtype)[::-1]
    for request, one, other in zip(requests, together, wide, strict=True):
        alone = drawn_on(level, model, [request], 1, dtype)[0]
        assert torch.equal(alone.levels, one.levels)
        assert torch.equal(alone.levels, other.levels)
        assert alone.nll_nats == one.nll_nats == other.nll_nats


@pytest.mark.parametrize("upsampling", ["repeat", "linear", "transposed"])
def test_frames_and_contexts_of_items_that_enter_late(upsampling: str) -> None:
    condition = ConditionConfig(num_features=2, hop=4, channels=4, upsampling=upsampling)  # type: ignore[arg-type]
    contexts = (ContextStackConfig(6, 4, 6, 5, dilations=(1, 2)),)
    model = built(
        WaveNetConfig(20, 8, 12, 8, 8, dilations=(1, 2), num_stacks=2, condition=condition, contexts=contexts)
    )
    requests = []
    for number, num_timesteps in enumerate((36, 7, 21, 12, 30)):
        features = torch.randn(1, -(-num_timesteps // 4), 2, generator=torch.Generator().manual_seed(number))
        requests.append(LaneRequest((num_timesteps,), item_key(3, str(number)), Condition(features=features)))
    for request, item in zip(requests, sample_fused(model, requests, 2), strict=True):
        whole = -(-request.shape[0] // 4) * 4
        alone = sample_cached(model, (whole,), request.condition, torch.tensor([request.key]))
        assert torch.equal(item.levels, alone.levels[0, : request.shape[0]])


@on_every_level
def test_lanes_are_kept_full(level: str) -> None:
    model = built(WaveNetConfig(16, 8, 16, 8, 8, dilations=(1, 2), num_stacks=1))
    lengths = torch.linspace(40, 400, 160).int().tolist()  # 1 to 10
    requests = [LaneRequest((length,), item_key(0, str(length))) for length in lengths]
    with torch.inference_mode():
        run = WaveformLanes(model, requests, 16, library_of(level), torch.float32)
        while run.advance():
            pass
    assert run.num_drawn == sum(lengths)
    assert run.lane_use >= 0.95


@on_every_level
def test_given_levels_are_kept_and_the_rest_is_drawn_as_naive_draws_it(level: str) -> None:
    model, prefix = float32("wavenet k3"), torch.tensor([[4, 0, 3, 1]])
    kept = Kept.prefix(prefix, 12)
    request = LaneRequest((12,), item_key(0, "a"), kept=kept)
    naive = sample_naive(model, (12,), None, torch.tensor([request.key]), kept=kept)
    item = drawn_on(level, model, [request])[0]
    assert torch.equal(item.levels, naive.levels[0])
    assert item.nll_nats == pytest.approx(naive.nll_nats.item(), abs=1e-4)


def test_bfloat16_scores_like_float32() -> None:
    found = best()
    if found is None or not found.has_bfloat16:
        pytest.skip("this processor has no products of bfloat16")
    model = built(replace(SHAPES["panels and a rest"], num_levels=64))
    given = torch.randint(0, 64, (200, 8), dtype=torch.int32, generator=torch.Generator().manual_seed(0))
    nll_nats = []
    for dtype in (torch.float32, torch.bfloat16):
        net = NativeWaveNet(model, 8, found, dtype)
        for lane in range(8):
            net.start(lane, (0, lane), 1.0)
        nll_nats.append(net.run(200, given=given).nll_nats.mean().item())
    assert nll_nats[0] != nll_nats[1]
    assert nll_nats[0] == pytest.approx(nll_nats[1], abs=2e-2)  # of random weights, on levels that nothing predicts


def test_a_model_that_diverged_is_an_error() -> None:
    model = float32("wavenet")
    with torch.no_grad():
        model.head.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"not finite \(items \[0, 1\]\)"):
        sample_fused(model, requests_of(None, 2), 2)


def test_what_the_kernel_does_not_take_is_refused() -> None:
    model = float32("wavenet")
    with pytest.raises(ValueError, match="temperature alone"):
        sample_fused(model, [LaneRequest((4,), (0, 0), departures=Departures(top_k=2))], 1)
    assert "float32 weights on a CPU" in why_not_fused(tiny_model("wavenet"))
    assert "no kernel for LinearAR" in why_not_fused(tiny_model("linear_ar"))
    with pytest.raises(ValueError, match=r"expected a shape \(T,\)"):
        sample_fused(model, [LaneRequest((1, 4, 4), (0, 0))], 1)
    with pytest.raises(ValueError, match="num_lanes must be at least 1"):
        sample_fused(model, [LaneRequest((4,), (0, 0))], 0)
    assert sample_fused(model, [], 4) == []


def test_an_item_of_no_timesteps_is_empty() -> None:
    items = sample_fused(float32("wavenet"), requests_of(None, 1, 0) + requests_of(None, 2), 1)
    assert [len(item.levels) for item in items] == [0, 12, 12]
    assert items[0].nll_nats == 0


@pytest.mark.parametrize("name", [name for name in TINY if name.startswith("wavenet")])
def test_the_models_mode_and_weights_stay(name: str) -> None:
    model = float32(name).train()
    before = [parameter.clone() for parameter in model.parameters()]
    sample_fused(model, requests_of(None, 1), 1)
    assert model.training
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_weights_that_have_changed_are_packed_anew_and_items_leave_nothing_behind() -> None:
    both = ConditionConfig({"speaker": 3}, num_phones=4, hop=2, channels=8)
    contexts = (ContextStackConfig(4, 4, 6, 5, dilations=(1, 2)),)
    model = built(WaveNetConfig(64, 16, 32, 16, 16, dilations=(1, 4), num_stacks=1, condition=both, contexts=contexts))
    requests = uneven(6)
    before = sample_fused(model, requests, 3)
    sample_fused(model, uneven(6)[3:], 3)
    again = sample_fused(model, requests, 3)
    assert all(torch.equal(a.levels, b.levels) for a, b in zip(before, again, strict=True))
    assert [item.nll_nats for item in before] == [item.nll_nats for item in again]
    with torch.no_grad():
        model.output.bias[3] += 5
    after = sample_fused(model, requests[:1], 1)[0]
    whole = -(-requests[0].shape[0] // 2) * 2
    alone = sample_cached(
        model, (whole,), requests[0].condition, torch.tensor([requests[0].key]), requests[0].departures
    )
    assert torch.equal(after.levels, alone.levels[0, : requests[0].shape[0]])
    assert not torch.equal(after.levels, before[0].levels)
