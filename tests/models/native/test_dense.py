"""Linear layers in training by the kernel, on every level: values and gradients are those of the matrix product."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.layers.colour_products import product_by_colour
from models.layers.linear import Linear, linear
from models.layers.masked_conv import POINT, MaskedConv2d, colour_of_each
from models.native import calls, dense
from tests.models.native.levels import library_of, needs_kernels, on_every_level

pytestmark = needs_kernels

PRECISE = 1e-5


def use(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training use the kernels of a level, but for float64."""
    monkeypatch.setattr(calls, "kernels_for", lambda dtype: library_of(level) if dtype == torch.float32 else None)


def outcome(layer: Callable[..., Tensor], given: list[Tensor]) -> list[Tensor]:
    """What a layer makes of tensors, and the gradients of all that has one, in float64."""
    y = layer(*given)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    asked = [one for one in given if one.requires_grad]
    return [one.double() for one in (y, *torch.autograd.grad((y.double() * weights).sum(), asked))]


def exactly(given: list[Tensor]) -> list[Tensor]:
    return [one.detach().double().requires_grad_(one.requires_grad) for one in given]


def names(x: Tensor) -> str:
    return type(x.grad_fn).__name__ + " ".join(type(f).__name__ for f, _ in x.grad_fn.next_functions)  # type: ignore[union-attr]


@on_every_level
@pytest.mark.parametrize(("num_rows", "inputs", "outputs"), [(256, 16, 16), (521, 48, 80), (1200, 320, 256)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients_are_those_of_the_product(
    level: str,
    num_rows: int,
    inputs: int,
    outputs: int,
    with_bias: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(level, monkeypatch)
    torch.manual_seed(0)
    x, weight = torch.randn(num_rows, inputs), torch.randn(outputs, inputs).float()
    given = [x.requires_grad_(), weight.requires_grad_(), *[torch.randn(outputs, requires_grad=True)] * with_bias]
    assert dense.fits(given[0], given[1], torch.float32)
    expected = outcome(F.linear, exactly(given))
    for one, other in zip(outcome(linear, given), expected, strict=True):
        assert (one - other).norm() <= PRECISE * other.norm()


@on_every_level
def test_rows_that_lie_apart_and_more_axes(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(level, monkeypatch)
    layer = Linear(32, 48)
    wide = torch.randn(2, 150, 80)
    x = wide[..., 16:48].detach().requires_grad_()

    def by_layer(x: Tensor, *_: Tensor) -> Tensor:
        y: Tensor = layer(x)
        assert "_LinearBackward" in names(y)
        return y

    given = [x, layer.weight, layer.bias]
    expected = outcome(F.linear, exactly(given))
    for one, other in zip(outcome(by_layer, given), expected, strict=True):
        assert one.shape == other.shape
        assert (one - other).norm() <= PRECISE * other.norm()


@on_every_level
@pytest.mark.parametrize(("inputs", "outputs", "colours"), [(64, 96, 3), (16, 48, 3), (112, 64, 2)])
def test_by_colour_it_is_the_masked_convolution(
    level: str, inputs: int, outputs: int, colours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    torch.manual_seed(0)
    conv = MaskedConv2d(colour_of_each(inputs, colours), colour_of_each(outputs, colours), POINT, "B")
    x = torch.randn(2, inputs, 15, 11).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = conv.weight.detach()[:, :, 0, 0].float().requires_grad_()

    def by_colour(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = product_by_colour(x, weight, bias, conv.colours_in, conv.colours_out)
        assert "_FusedColourProducts" in names(y._base if y._base is not None else y)
        return y

    def plain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(x, (weight * conv.mask[:, :, 0, 0])[:, :, None, None], bias)

    given = [x, weight, torch.randn(outputs, requires_grad=True)]
    expected = outcome(plain, exactly(given))
    for one, other in zip(outcome(by_colour, given), expected, strict=True):
        assert (one - other).norm() <= PRECISE * other.norm()


def test_few_rows_odd_widths_and_what_is_not_trained_are_left_to_torch() -> None:
    rows, weight = torch.randn(300, 64), torch.randn(32, 64, requires_grad=True)
    assert dense.fits(rows, weight, torch.float32)
    assert not dense.fits(rows[:100], weight, torch.float32)
    assert not dense.fits(rows[:, ::2], weight[:, ::2], torch.float32)
    assert not dense.fits(rows[:, :63], weight[:, :63], torch.float32)
    assert not dense.fits(rows, weight[:31], torch.float32)
    assert not dense.fits(rows.double(), weight, torch.float64)
    assert not dense.fits(rows, weight, torch.bfloat16)
    assert not dense.fits(rows, weight.detach(), torch.float32)
    with torch.no_grad():
        assert not dense.fits(rows, weight, torch.float32)


@pytest.mark.parametrize("width", [32, 128])
def test_what_does_not_belong_together_is_told_by_torch(width: int) -> None:
    rows, weight = torch.randn(300, 64), torch.randn(32, 64, requires_grad=True)
    with pytest.raises(RuntimeError, match="dtype"):
        linear(rows.double(), weight)
    with pytest.raises(RuntimeError, match="shapes"):
        linear(torch.randn(300, width), weight)
    with pytest.raises(RuntimeError):
        linear(rows, weight, torch.zeros(16))
    assert not dense.fits(rows, torch.zeros(32, 64, device="meta", requires_grad=True), torch.float32)
    assert not dense.fits(rows, weight.as_subclass(Spread), torch.float32)


class Spread(Tensor):
    """As a tensor whose numbers lie elsewhere."""


@on_every_level
def test_sums_over_many_rows_are_not_rounded_as_coarsely_as_they_are_large(
    level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    rows, of_output = torch.full((200_000, 16), 0.3), torch.full((200_000, 16), 0.1)
    of_weight, of_bias = dense.weight_gradients(rows, of_output, with_bias=True)
    assert of_bias is not None
    expected = 200_000 * float(of_output[0, 0])
    assert (of_bias / expected - 1).abs().max() < 1e-5
    assert (of_weight / (expected * float(rows[0, 0])) - 1).abs().max() < 1e-5
