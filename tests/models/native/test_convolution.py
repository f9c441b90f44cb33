"""Convolutions in training by the kernel, on every level: values and gradients are those of torch's in float64."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models import build
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.layers.masked_conv import MaskedConv2d, Reach, VerticalConv2d, around, colour_of_each, padded_conv
from models.native import calls
from models.native import convolution as subject
from models.pixelcnn import PixelCNNConfig
from tests.models.native.levels import in_every_precision, library_of, needs_kernels

pytestmark = needs_kernels

PRECISE = {torch.float32: 2e-6, torch.bfloat16: 4e-3}

SEES = {
    "2 x 3": Reach(1, 1, 1),
    "1 x 2": Reach(0, 1, 0),
    "3 x 5": Reach(2, 2, 2),
    "2 x 1": Reach(1, 0, 0),
    "to the right": Reach(0, 0, 2),
}


def use(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training use the kernels of a level, but for float64."""
    monkeypatch.setattr(calls, "kernels_for", lambda dtype: None if dtype == torch.float64 else library_of(level))


def maps(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape).to(dtype).contiguous(memory_format=torch.channels_last)


def outcome(layer: Callable[..., Tensor], given: list[Tensor]) -> list[Tensor]:
    """What a layer makes of tensors, and the gradients of all that has one, in float64."""
    y = layer(*given)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    asked = [one for one in given if one.requires_grad]
    gradients = torch.autograd.grad(y, asked, weights.to(y.dtype))
    return [one.double() for one in (y, *gradients)]


def as_multiplied(given: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    """In float64, maps and weights rounded as they are multiplied."""
    rounded = [one.detach().to(dtype).double() for one in given[:2]] + [one.detach().double() for one in given[2:]]
    return [one.requires_grad_(of.requires_grad) for one, of in zip(rounded, given, strict=True)]


def is_near(found: list[Tensor], expected: list[Tensor], dtype: torch.dtype) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert (one - other).norm() <= PRECISE[dtype] * other.norm()


def with_kernel(reach: Reach, dtype: torch.dtype, num_hidden: int = 0) -> Callable[..., Tensor]:
    """`padded_conv` under autocast where products are bfloat16; fails where it is not the kernel that gives it."""

    def convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            y = padded_conv(x, weight, bias, reach, num_hidden)
        assert type(y.grad_fn).__name__ == "_ConvolutionBackward"
        assert y.dtype == dtype
        return y

    return convolved


def plainly(reach: Reach) -> Callable[..., Tensor]:
    def convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(F.pad(x, (reach.left, reach.right, reach.up, 0)), weight, bias)

    return convolved


@in_every_precision
@pytest.mark.parametrize("reach", SEES.values(), ids=SEES)
@pytest.mark.parametrize(
    ("num", "inputs", "outputs", "height", "width"),
    [(2, 16, 48, 9, 11), (1, 48, 16, 1, 1), (3, 32, 32, 40, 16), (1, 16, 16, 3, 301)],
    ids=["odd", "a pixel", "more rows than at once", "a long row"],
)
def test_values_and_gradients_are_torch_s(
    level: str,
    dtype: torch.dtype,
    reach: Reach,
    num: int,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(level, monkeypatch)
    torch.manual_seed(0)
    weight = torch.randn(outputs, inputs, reach.up + 1, reach.left + 1 + reach.right)
    given = [maps(num, inputs, height, width, dtype=dtype), weight, torch.randn(outputs)]
    given = [one.requires_grad_() for one in given]
    expected = outcome(plainly(reach), as_multiplied(given, dtype))
    is_near(outcome(with_kernel(reach, dtype), given), expected, dtype)
    is_near(
        outcome(with_kernel(reach, dtype), given[:2]), outcome(plainly(reach), as_multiplied(given[:2], dtype)), dtype
    )


@in_every_precision
def test_pixels_that_are_hidden_are_left_out(level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    use(level, monkeypatch)
    torch.manual_seed(0)
    reach = around(5)
    weight = torch.randn(32, 16, 3, 5)
    weight[:, :, -1, 3:] = 0
    given = [one.requires_grad_() for one in (maps(2, 16, 8, 10, dtype=dtype), weight, torch.randn(32))]
    found = outcome(with_kernel(reach, dtype, num_hidden=2), given)
    expected = outcome(plainly(reach), as_multiplied(given, dtype))
    assert found[2][:, :, -1, 3:].abs().max() == 0
    expected[2][:, :, -1, 3:] = 0
    is_near(found, expected, dtype)


@in_every_precision
@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_masked_and_vertical_convolutions_train_through_it(
    level: str, dtype: torch.dtype, mask_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    torch.manual_seed(0)
    masked = MaskedConv2d(colour_of_each(32, 3), colour_of_each(48, 3), around(3), mask_type)  # type: ignore[arg-type]
    vertical = VerticalConv2d(48, 32, 5)
    x = maps(2, 32, 7, 6, dtype=dtype)
    for layer, weight, bias in (
        (masked, masked.weight, masked.bias),
        (vertical, vertical.conv.weight, vertical.conv.bias),
    ):
        assert bias is not None
        assert subject.fits(x, weight, dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            y = layer(x)
        gradients = torch.autograd.grad(y.double().pow(2).sum(), (weight, bias))
        mask = masked.mask.double() if layer is masked else 1
        exact = [one.detach().to(dtype).double().requires_grad_() for one in (weight, bias)]
        reach = masked.reach if layer is masked else vertical.reach
        expected = plainly(reach)(x.detach().double(), exact[0] * mask, exact[1])
        of_exact = torch.autograd.grad(expected, exact, 2 * y.detach().double())
        is_near([one.double() for one in (y, *gradients)], [expected, *of_exact], dtype)
        x = y.detach().contiguous(memory_format=torch.channels_last)


def test_a_gradient_that_lies_with_channels_first() -> None:
    torch.manual_seed(0)
    reach = Reach(1, 1, 1)
    given = [maps(2, 16, 6, 5).requires_grad_(), torch.randn(32, 16, 2, 3).requires_grad_()]
    y, of_output = with_kernel(reach, torch.float32)(*given), torch.randn(2, 32, 6, 5)
    found = torch.autograd.grad(y, given, of_output)
    exact = as_multiplied(given, torch.float32)
    expected = torch.autograd.grad(plainly(reach)(*exact), exact, of_output.double())
    is_near([one.double() for one in found], list(expected), torch.float32)
    assert [one.stride() for one in found] == [one.stride() for one in given], "as what they are the gradients of"


@pytest.mark.parametrize("order", [(0, 1, 3, 2), (1, 0, 2, 3), (2, 3, 0, 1)], ids=str)
def test_a_weight_that_lies_otherwise(order: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    reach = Reach(1, 1, 1)
    weight = torch.randn([(32, 16, 2, 3)[axis] for axis in order]).permute([order.index(axis) for axis in range(4)])
    given = [maps(2, 16, 6, 5).requires_grad_(), weight.requires_grad_()]
    expected = outcome(plainly(reach), as_multiplied(given, torch.float32))
    is_near(outcome(with_kernel(reach, torch.float32), given), expected, torch.float32)


def test_what_it_gives_may_be_changed_in_place() -> None:
    given = [maps(2, 16, 6, 5).requires_grad_(), torch.randn(32, 16, 2, 3).requires_grad_()]
    y = with_kernel(Reach(1, 1, 1), torch.float32)(*given)
    assert y.is_contiguous(memory_format=torch.channels_last)
    y += 1
    y.relu_().sum().backward()


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("config", [PixelCNNConfig, GatedPixelCNNConfig])
def test_pictures_of_any_colours_train_through_it(config: type, colours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one channel they lie with the last channel last as they come, and would go on with channels first."""
    shapes, convolved = list[torch.Size](), subject.convolved

    def noted(x: Tensor, *given: Any) -> Tensor:
        shapes.append(x.shape)
        return convolved(x, *given)

    monkeypatch.setattr(subject, "convolved", noted)
    model = build(config().name, config(channels=colours, hidden=32, num_layers=3, head_channels=32))
    model.nll_nats(torch.randint(256, (2, colours, 8, 8))).mean().backward()
    per_layer = 2 if config is GatedPixelCNNConfig else 1
    # Each forwards and for its input; what reads the picture itself has too few features.
    assert len(shapes) >= 2 * per_layer * 2


def test_what_it_does_not_take_is_left_to_torch() -> None:
    x, weight = maps(2, 16, 6, 5), torch.randn(32, 16, 2, 3, requires_grad=True)
    assert subject.fits(x, weight, torch.float32)
    assert not subject.fits(x.contiguous(), weight, torch.float32)
    assert not subject.fits(x.double(), weight, torch.float64)
    assert not subject.fits(x, weight[:31], torch.float32)
    assert not subject.fits(maps(2, 3, 6, 5), weight[:, :3], torch.float32)
    assert not subject.fits(x[:0], weight, torch.float32)
    assert not subject.fits(x[:1, :, 0], weight, torch.float32)
    assert not subject.fits(x, weight.detach(), torch.float32)
    assert not subject.fits(x, torch.zeros(weight.shape, device="meta", requires_grad=True), torch.float32)
    assert not subject.fits(x, weight.as_subclass(Spread), torch.float32)
    with torch.no_grad():
        assert not subject.fits(x, weight, torch.float32)


@pytest.mark.parametrize(
    ("x", "bias"),
    [
        (maps(2, 32, 6, 5), torch.zeros(32)),
        (maps(2, 16, 6, 5, dtype=torch.float64), torch.zeros(32)),
        (maps(2, 16, 6, 5), torch.zeros(16)),
        (maps(2, 16, 6, 5), torch.zeros(32, dtype=torch.float64)),
    ],
    ids=["inputs", "precision", "biases", "bias's precision"],
)
def test_what_does_not_belong_together_is_told_by_torch(x: Tensor, bias: Tensor) -> None:
    weight = torch.randn(32, 16, 2, 3, requires_grad=True)
    with pytest.raises(RuntimeError):
        padded_conv(x, weight, bias, Reach(1, 1, 1))


def test_a_bias_that_is_no_bias_of_the_weight() -> None:
    weight = torch.zeros(32, 16, 2, 3)
    assert calls.suits(None, weight)
    assert calls.suits(torch.zeros(32), weight)
    assert not calls.suits(torch.zeros(16), weight)
    assert not calls.suits(torch.zeros(32, device="meta"), weight)
    assert not calls.suits(torch.zeros(32).as_subclass(Spread), weight)


def test_a_kernel_of_another_reach_is_torch_s() -> None:
    weight = torch.randn(32, 16, 1, 1, requires_grad=True)
    y = padded_conv(maps(2, 16, 6, 5), weight, None, Reach(1, 1, 1))
    assert type(y.grad_fn).__name__ != "_ConvolutionBackward"


class Spread(Tensor):
    """As a tensor whose numbers lie elsewhere."""


@in_every_precision
def test_sums_over_many_pixels_are_not_rounded_as_coarsely_as_they_are_large(
    level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    shape, one_tap = (200, 16, 32, 32), subject.Taps.around(0, 0, 1, 1)
    x, of_output = (maps(*shape, dtype=dtype).fill_(value) for value in (0.3, 0.1))
    of_weight, of_bias = subject.weight_gradients(x, of_output, one_tap, with_bias=True)
    assert of_bias is not None
    expected = 200 * 32 * 32 * float(of_output[0, 0, 0, 0])
    assert (of_bias / expected - 1).abs().max() < 1e-5
    assert (of_weight / (expected * float(x[0, 0, 0, 0])) - 1).abs().max() < 1e-5
