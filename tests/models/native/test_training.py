"""A gated layer in training by the kernels, on every level: outputs and gradients are those of the plain equation."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.plain_waveforms import PlainLayer
from models.layers import gated_conv
from models.layers.side_by_side import SideBySide
from models.native import Library, calls, training
from models.native.packing import gate_order, packed, panels
from models.wavenet import WaveNetConfig
from models.wavenet_stack import GatedLayer, GatedStack
from tests.models.native.levels import in_every_precision, library_of, needs_kernels, on_every_level

pytestmark = needs_kernels

SHAPES = {
    "two taps": (2, 3, 51, (32, 64)),
    "three taps, widths of a panel and a rest": (3, 7, 40, (48, 96)),
    "taps before the item": (2, 64, 50, (16, 32)),
    "more timesteps than go at once": (3, 100, 611, (16, 32)),
    "taps before a block of timesteps": (3, 130, 483, (16, 32)),
    "shorter than the taps": (4, 2, 2, (16, 32)),
}
ADDED = {"nothing": (), "item": (1,), "item and timesteps": (1, -1)}


def use(level: str, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Let training use the kernels of a level."""
    found = library_of(level)
    monkeypatch.setattr(calls, "kernels_for", lambda dtype: found)
    return found


def outcome(layer: torch.nn.Module, x: Tensor, added: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """Both outputs and all gradients, in float64; products in `dtype`."""
    x = x.to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        z, y = layer(x, added)
    weights = torch.Generator().manual_seed(1)
    loss = sum((out.double() * torch.randn(out.shape, generator=weights, dtype=torch.float64)).sum() for out in (z, y))
    assert isinstance(loss, Tensor)
    return [one.double() for one in (z, y, *torch.autograd.grad(loss, [x, *added, *layer.parameters()]))]


@in_every_precision
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("added", ADDED)
def test_outputs_and_gradients_are_those_of_the_equation(
    level: str, shape: str, is_last: bool, added: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    monkeypatch.setattr(gated_conv, "_GatedConvolution", None)  # the kernel, or an error
    kernel_size, dilation, num_timesteps, (residual, gates) = SHAPES[shape]
    torch.manual_seed(0)
    config = WaveNetConfig(residual_channels=residual, gate_channels=gates, kernel_size=kernel_size)
    ours, plain = GatedLayer(config, dilation, is_last), PlainLayer(config, dilation, is_last)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, num_timesteps, residual).to(dtype).float()
    counts = [num_timesteps if n < 0 else n for n in ADDED[added]]
    biases = [torch.randn(2, n, 1, gates, requires_grad=True) for n in counts]
    exact = [one.detach().double().requires_grad_() for one in biases]
    tolerance = 2e-5 if dtype == torch.float32 else 2e-2
    for one, other in zip(
        outcome(ours, x, biases, dtype), outcome(plain.double(), x, exact, torch.float64), strict=True
    ):
        assert (one - other).norm() <= tolerance * other.norm()


@on_every_level
def test_a_network_takes_the_kernel_where_widths_fit(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = use(level, monkeypatch).vector
    assert training.fits(torch.zeros(1, 2, vector), torch.float32, vector)
    assert not training.fits(torch.zeros(1, 2, vector - 1), torch.float32, vector)
    assert not training.fits(torch.zeros(1, 2, vector), torch.float32, vector + 1)
    assert not training.fits(torch.zeros(1, 2, vector, dtype=torch.float64), torch.float32, vector)
    assert not training.fits(torch.zeros(1, 2, vector), torch.bfloat16, vector)  # a stream in full precision
    assert not training.fits(torch.zeros(1, 2, vector, device="meta"), torch.float32, vector)


def test_float64_and_no_kernels_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.kernels_for.cache_clear()
    assert calls.kernels_for(torch.float64) is None
    monkeypatch.setattr(calls, "best", lambda: None)
    calls.kernels_for.cache_clear()
    assert calls.kernels_for(torch.float32) is None
    calls.kernels_for.cache_clear()


@in_every_precision
@pytest.mark.parametrize(("num_inputs", "half"), [(16, 16), (48, 96), (64, 32)])
def test_weights_are_packed_as_panels_of_them(
    level: str, dtype: torch.dtype, num_inputs: int, half: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = use(level, monkeypatch)
    taps = torch.randn(3, num_inputs, 2 * half)
    order = gate_order(half, library)
    forwards = packed(taps.flatten(0, 1), dtype, library.panel, gates=True)
    assert torch.equal(forwards.flatten(), panels(taps.flatten(0, 1)[:, order], library, dtype))
    narrow = replace(library, panel=training.BACK_VECTORS)
    backwards = packed(taps.transpose(1, 2), dtype, training.BACK_VECTORS)
    assert torch.equal(backwards.flatten(), torch.cat([panels(tap.t(), narrow, dtype) for tap in taps]))


@in_every_precision
def test_weights_are_rounded_as_torch_rounds_them(
    level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    bits = torch.arange(-(2**31), 2**31 - 1, 65_521 * 16 // 5, dtype=torch.int64)
    bits[::100] = 0x7FFFFFFF  # a NaN that rounding would carry away; infinity and subnormal ones are among the others
    weight = bits[: len(bits) // 32 * 32].int().view(torch.float32).view(-1, 16)
    found = packed(weight, dtype, 1)
    pair = 2 if dtype == torch.bfloat16 else 1
    expected = weight.to(dtype).unflatten(0, (-1, pair)).split(use(level, monkeypatch).vector, 2)
    told = torch.cat([part.transpose(1, 2).flatten() for part in expected])
    torch.testing.assert_close(found.flatten(), told, rtol=0, atol=0, equal_nan=True)


@in_every_precision
def test_a_stack_joins_what_its_layers_wrote(level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    use(level, monkeypatch)
    stack = GatedStack(WaveNetConfig(residual_channels=16, gate_channels=32, skip_channels=16, dilations=(1, 2)))
    made_by = []
    stack.skip.register_forward_pre_hook(lambda module, given: made_by.append(type(given[0].grad_fn).__name__))

    def outcome() -> list[Tensor]:
        x = torch.randn(2, 700, 16, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            skips = stack(x, [])
        return [skips, *torch.autograd.grad(skips.float().square().sum(), [x, *stack.parameters()])]

    joined = outcome()
    monkeypatch.setattr(SideBySide, "part", lambda self, index: None)
    for one, other in zip(joined, outcome(), strict=True):
        assert torch.equal(one, other)
    assert made_by == ["_JoinedBackward", "CatBackward0"]
