"""The kernels of a GPU, in Triton's interpreter on tensors of the CPU: held to the forward pass and to naive draws."""

import importlib.util
from typing import Any

import pytest
import torch
from torch import Tensor

from models.counter_random import item_keys
from models.sampling import Departures, Kept, sample_cached, sample_naive
from models.sampling.gpu import Kernels, Steps, WaveformNetwork, waveform_network
from models.sampling.gpu.launching import LANES_PER_PROGRAM, load_kernels
from models.sampling.gpu.packing import pack, tile
from models.wavenet import WaveNet
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)
from tests.models.tiny import tiny_condition, tiny_levels, tiny_model

VARIANTS = [
    ("wavenet", "both, some dropped"),
    ("wavenet k3", "none"),
    ("wavenet input", "linear, some dropped"),
    ("wavenet contexts", "none"),
    ("wavenet 16-bit", "transposed, some dropped"),
]
"""Every kernel size, input, output, way of conditioning once."""

NUM_TIMESTEPS = 8
"""Every ring comes round at least once."""


def wavenet(name: str = "wavenet", kind: str = "none") -> WaveNet:
    """A tiny WaveNet in float32."""
    model = tiny_model(name, kind).float().eval()
    assert isinstance(model, WaveNet)
    return model


def stepped(network: WaveformNetwork, x: Tensor) -> Tensor:
    """Parameters [B, T, P], teacher-forced."""
    steps = Steps(network)
    steps.capture()
    previous = [None, *x.t()]
    return torch.stack([steps.step(levels).clone() for levels in previous[: x.shape[1]]], 1)


def keys(num_lanes: int) -> Tensor:
    return item_keys((3, f"item {lane}") for lane in range(num_lanes))


@needs_triton
@pytest.mark.parametrize(("name", "kind"), VARIANTS)
def test_steps_equal_the_forward_pass(name: str, kind: str) -> None:
    model, x = wavenet(name, kind), tiny_levels(name)[:, :NUM_TIMESTEPS]
    condition = tiny_condition(kind, num_timesteps=NUM_TIMESTEPS)
    parameters = stepped(waveform_network(model, condition, 3, NUM_TIMESTEPS), x)
    with torch.no_grad():
        torch.testing.assert_close(parameters, model(x, condition), rtol=1e-5, atol=1e-5)


@needs_triton
def test_bfloat16_is_near_and_is_not_float32() -> None:
    model, x = wavenet("wavenet 16-bit"), tiny_levels("wavenet 16-bit")[:, :6]
    parameters = stepped(waveform_network(model, None, 3, 6, "bfloat16"), x)
    with torch.no_grad():
        away = (parameters - model(x)).abs().max()
    assert 1e-5 < away < 2e-2


@needs_triton
def test_an_item_has_its_bits_alone_and_in_a_batch_whatever_the_launches() -> None:
    num_lanes, lane = LANES_PER_PROGRAM + 3, LANES_PER_PROGRAM + 1  # in the second tile
    model, x = wavenet("wavenet input"), tiny_levels("wavenet input", num_lanes)[:, :5]
    together = stepped(waveform_network(model, None, num_lanes, 5, layers_per_launch=3), x)
    alone = stepped(waveform_network(model, None, 1, 5), x[lane : lane + 1])
    assert torch.equal(together[lane], alone[0])
    first = stepped(waveform_network(model, None, 1, 5), x[:1])
    assert torch.equal(together[0], first[0])


@needs_triton
def test_an_item_that_follows_another_starts_anew() -> None:
    model, x = wavenet(), tiny_levels("wavenet")[:, :5]
    network = waveform_network(model, None, 3, 5)
    network.rings.fill_(torch.nan)
    first = stepped(network, x)
    assert bool(first.isfinite().all())
    assert torch.equal(first, stepped(network, x))


@needs_triton
@pytest.mark.parametrize(("name", "kind"), [("wavenet", "both, some dropped"), ("wavenet 16-bit", "none")])
def test_draws_equal_naive_ones(name: str, kind: str) -> None:
    model, condition, given = wavenet(name, kind), tiny_condition(kind), tiny_levels(name, seed=5)
    done: list[int] = []
    asked: dict[str, Any] = {
        "departures": Departures(temperature=torch.tensor([1.0, 0.7, 1.3]), top_k=torch.tensor([9, 3, 9])),
        "lengths": torch.tensor([12, 9, 10]),
        "kept": Kept(given, torch.arange(12).expand(3, 12) % 5 == torch.arange(3)[:, None]),
    }
    naive = sample_naive(model, (12,), condition, keys(3), **asked)
    drawn = sample_cached(
        model, (12,), condition, keys(3), **asked, on_progress=done.append, begin=Kernels(model).begin
    )
    assert torch.equal(drawn.levels, naive.levels)
    torch.testing.assert_close(drawn.nll_nats, naive.nll_nats, rtol=1e-5, atol=1e-5)
    assert done == [12]


@needs_triton
def test_a_guided_lane_is_drawn_as_naively() -> None:
    model, condition = wavenet("wavenet", "global"), tiny_condition("global")
    departures = Departures(guidance=torch.tensor([1.0, 2.5, 1.0]))
    naive = sample_naive(model, (4,), condition, keys(3), departures)
    drawn = sample_cached(model, (4,), condition, keys(3), departures, begin=Kernels(model).begin)
    assert torch.equal(drawn.levels, naive.levels)


@needs_triton
def test_more_than_the_condition_covers_is_refused() -> None:
    steps = Steps(waveform_network(wavenet("wavenet", "local"), tiny_condition("local", num_timesteps=2), 3, 2))
    for levels in (None, torch.zeros(3, dtype=torch.int64)):
        steps.step(levels)
    with pytest.raises(ValueError, match="covers 2 timesteps"):
        steps.step(torch.zeros(3, dtype=torch.int64))


def test_what_cannot_be_served_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no kernel of a GPU for PixelRNN: draw by torch"):
        Kernels(tiny_model("pixelrnn"))
    with pytest.raises(ValueError, match="precision is float32 or bfloat16, got 'float16'"):
        pack(wavenet(), "float16")  # type: ignore[arg-type]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="triton, which is not installed"):
        Kernels(wavenet())


@needs_triton
def test_a_model_on_no_device_is_refused_without_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_kernels(), "INTERPRETED", False)
    with pytest.raises(ValueError, match="need a CUDA device, and the model is on cpu"):
        Kernels(wavenet())


def test_widths_are_padded_to_powers_of_two() -> None:
    assert [tile(size) for size in (1, 16, 17, 64, 96, 256)] == [16, 16, 32, 64, 128, 256]
    packed = pack(wavenet(), "bfloat16")
    assert packed.stack.taps.shape == (4, 2, 2, 16, 16)
    assert (packed.stack.taps.dtype, packed.first.weights.dtype) == (torch.bfloat16, torch.float32)
    assert int((packed.stack.taps[..., 5:, :] != 0).sum() + (packed.stack.taps[..., 3:] != 0).sum()) == 0
