"""The gated layer with its gradient written out, against the equation as autograd differentiates it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.plain_waveforms import PlainLayer, PlainWaveNet, plain_nats
from models.layers.gated_conv import GatedWeights, gated_convolution, tanh
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_stack import GatedLayer

TINY: dict[str, Any] = {"num_levels": 7, "residual_channels": 4, "gate_channels": 8, "skip_channels": 6}
ADDED = {"none": (), "item": (1,), "frames": (5,), "timesteps": (15,), "item and timesteps": (1, 15)}


def layers(kernel_size: int, dilation: int, *, is_last: bool) -> tuple[GatedLayer, PlainLayer]:
    torch.manual_seed(0)
    shape = WaveNetConfig(residual_channels=3, gate_channels=8, kernel_size=kernel_size)
    ours, plain = GatedLayer(shape, dilation, is_last).double(), PlainLayer(shape, dilation, is_last).double()
    plain.load_state_dict(ours.state_dict())
    return ours, plain


def outcome(layer: GatedLayer, x: Tensor, added: list[Tensor]) -> list[Tensor]:
    """Both outputs, and the gradient of all that went in."""
    z, y = layer(x, added)
    weights = torch.Generator().manual_seed(1)
    loss = sum((out * torch.randn(out.shape, generator=weights, dtype=out.dtype)).sum() for out in (z, y))
    assert isinstance(loss, Tensor)
    return [z, y, *torch.autograd.grad(loss, [x, *added, *layer.parameters()])]


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("dilation", [1, 4, 20])
@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("added", ADDED)
def test_outputs_and_gradients_are_those_of_the_equation(
    kernel_size: int, dilation: int, is_last: bool, added: str
) -> None:
    ours, plain = layers(kernel_size, dilation, is_last=is_last)
    x = torch.randn(3, 15, 3, dtype=torch.float64, requires_grad=True)
    biases = [torch.randn(3, n, 1, 8, dtype=torch.float64, requires_grad=True) for n in ADDED[added]]
    for one, other in zip(outcome(ours, x, biases), outcome(plain, x, biases), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_its_gradient_is_that_of_differences() -> None:
    given = [(2, 5, 2), (3, 2, 6), (6,), (2, 3), (2, 5, 1, 6)]
    x, taps, bias, residual, added = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in given)

    def layer(*inputs: Tensor) -> tuple[Tensor, Tensor]:
        return gated_convolution(inputs[0], GatedWeights(*inputs[1:4]), 2, [inputs[4]])

    assert torch.autograd.gradcheck(layer, (x, taps, bias, residual, added))


def gradients(kind: type[WaveNet], dtype: torch.dtype) -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = kind(WaveNetConfig(**TINY, dilations=(1, 2, 4), num_stacks=2, input_kernel_size=2))
    x = torch.randint(7, (3, 33), generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = plain_nats(model.to(torch.float64 if dtype == torch.float64 else torch.float32), x).mean()
    torch.autograd.backward(loss)
    return {"loss": loss.detach()} | {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def test_the_network_has_the_gradient_of_the_plain_one() -> None:
    expected, got = (gradients(kind, torch.float64) for kind in (PlainWaveNet, WaveNet))
    assert got.keys() == expected.keys()
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, expected[name], rtol=0, atol=1e-12)


def test_bfloat16_is_as_near_to_it_as_the_plain_one_in_bfloat16() -> None:
    exact = gradients(PlainWaveNet, torch.float64)

    def distance(kind: type[WaveNet]) -> float:
        found = gradients(kind, torch.bfloat16)
        return math.sqrt(sum(float((found[name] - exact[name]).square().sum()) for name in exact))

    assert distance(WaveNet) < 1.5 * distance(PlainWaveNet)


def test_tanh_of_bfloat16_is_rounded_as_torchs() -> None:
    x = torch.linspace(-6, 6, 2001).bfloat16()
    torch.testing.assert_close(tanh(x), x.tanh(), rtol=2**-7, atol=1e-7)
