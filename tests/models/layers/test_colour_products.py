import pytest
import torch

from models.layers.colour_products import product_by_colour, runs, worth_it
from models.layers.masked_conv import POINT, MaskedConv2d, colour_of_each
from tests.models.picture_checks import randomise

CPU = torch.device("cpu")


def wide_point(num_in: int, num_out: int, num_colours: int) -> MaskedConv2d:
    conv = MaskedConv2d(colour_of_each(num_in, num_colours), colour_of_each(num_out, num_colours), POINT, "B")
    randomise(conv)
    return conv.double()


@pytest.mark.parametrize(("num_in", "num_out", "num_colours"), [(7, 5, 3), (256, 257, 3), (4, 9, 2)])
def test_value_and_gradients_are_those_of_the_masked_convolution(num_in: int, num_out: int, num_colours: int) -> None:
    conv = wide_point(num_in, num_out, num_colours)
    x = torch.randn(2, num_in, 3, 2, dtype=torch.float64, requires_grad=True)
    plain = torch.nn.functional.conv2d(x, conv.masked_weight(), conv.bias)
    ours = product_by_colour(x, conv.weight[:, :, 0, 0], conv.bias, conv.colours_in, conv.colours_out)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-10)
    weights = torch.randn_like(plain)
    expected, got = (torch.autograd.grad((y * weights).sum(), [x, conv.weight, conv.bias]) for y in (plain, ours))
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_wide_points_take_it_and_narrow_or_mixed_ones_do_not() -> None:
    wide, narrow = colour_of_each(256, 3), colour_of_each(255, 3)
    assert worth_it(wide, wide, CPU)
    assert not worth_it(wide, narrow, CPU)
    assert not worth_it(wide, narrow + narrow, CPU)
    assert not worth_it([0] * 256, [0] * 256, CPU)
    assert not worth_it(wide, wide, torch.device("meta"))


def test_what_the_mask_hides_does_not_reach_a_wide_point() -> None:
    conv = wide_point(256, 256, 3)
    x = torch.randn(1, 256, 2, 2, dtype=torch.float64)
    before = conv(x)
    with torch.no_grad():
        conv.weight[conv.mask == 0] = torch.nan
    assert torch.equal(conv(x), before)


def test_it_multiplies_in_the_dtype_of_autocast() -> None:
    torch.manual_seed(0)
    conv = wide_point(256, 256, 3).float()
    x = torch.randn(1, 256, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), conv(x), rtol=0.02, atol=0.05)
    y.float().sum().backward()
    assert conv.weight.grad is not None
    assert conv.weight.grad.dtype == torch.float32


def test_runs_are_where_each_colour_stands() -> None:
    assert runs(colour_of_each(5, 3)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
