"""A gated layer in training by the kernels, on every level: outputs and gradients are those of the plain equation."""

import pytest
import torch
from torch import Tensor

from benchmarks.plain_waveforms import PlainLayer
from models.layers import gated_conv
from models.native import Library, training
from models.wavenet import WaveNetConfig
from models.wavenet_stack import GatedLayer
from tests.models.native.levels import in_every_precision, library_of, needs_kernels, on_every_level

pytestmark = needs_kernels

SHAPES = {
    "two taps": (2, 3, 51, (32, 64)),
    "three taps, widths of a panel and a rest": (3, 7, 40, (48, 96)),
    "taps before the item": (2, 64, 50, (16, 32)),
    "more timesteps than go at once": (3, 100, 611, (16, 32)),
    "shorter than the taps": (4, 2, 2, (16, 32)),
}
ADDED = {"nothing": (), "item": (1,), "item and timesteps": (1, -1)}


def use(level: str, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Let training use the kernels of a level."""
    found = library_of(level)
    monkeypatch.setattr(training, "training_library", lambda dtype: found)
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
    training.training_library.cache_clear()
    assert training.training_library(torch.float64) is None
    monkeypatch.setattr(training, "best", lambda: None)
    training.training_library.cache_clear()
    assert training.training_library(torch.float32) is None
    training.training_library.cache_clear()


@in_every_precision
def test_a_gradient_of_weights_is_the_sum_over_timesteps(
    level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    x, of = torch.randn(3, 517, 32).to(dtype), torch.randn(3, 517, 48).to(dtype)
    found = training.weight_gradient(x, of, 2, 5)
    delayed = torch.nn.functional.pad(x, (0, 0, 5, 0))[:, :517]
    for tap, inputs in zip(found, (delayed, x), strict=True):
        expected = torch.einsum("bti,bto->io", inputs.double(), of.double())
        torch.testing.assert_close(tap.double(), expected, rtol=1e-4, atol=1e-3)
