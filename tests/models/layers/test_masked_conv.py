from collections import Counter

import pytest
import torch

from models.layers.masked_conv import (
    POINT,
    MaskedConv2d,
    MaskType,
    Reach,
    VerticalConv2d,
    around,
    by_colour,
    colour_of_each,
    leftward,
    shift_down,
)
from tests.models.picture_checks import randomise, reference_masked_conv


def test_the_remainder_goes_to_the_first_colours() -> None:
    colours = colour_of_each(128, 3)
    assert Counter(colours) == {0: 43, 1: 43, 2: 42}
    assert colours == sorted(colours)
    assert Counter(colour_of_each(256, 3)) == {0: 86, 1: 85, 2: 85}
    assert colour_of_each(5, 1) == [0] * 5


@pytest.mark.parametrize(("features", "colours"), [(2, 3), (4, 0)])
def test_every_colour_needs_a_feature(features: int, colours: int) -> None:
    with pytest.raises(ValueError, match=f"got {colours} and {features}"):
        colour_of_each(features, colours)


def test_logits_are_read_as_they_are_grouped() -> None:
    num_colours, num_levels = 3, 7
    owner = torch.tensor(colour_of_each(num_colours * num_levels, num_colours))
    read = by_colour(owner.reshape(1, -1, 1, 1).expand(2, -1, 4, 5), num_colours)
    assert read.shape == (2, num_colours, 4, 5, num_levels)
    for colour in range(num_colours):
        assert (read[:, colour] == colour).all()


@pytest.mark.parametrize("kernel", [-1, 1, 2, 4])
def test_a_kernel_has_a_centre(kernel: int) -> None:
    with pytest.raises(ValueError, match=f"odd kernel size of 3 or more .* got {kernel}"):
        around(kernel)


@pytest.mark.parametrize("mask_type", ["A", "B"])
@pytest.mark.parametrize("reach", [around(3), around(5), leftward(3), leftward(5), POINT])
@pytest.mark.parametrize("colours", [([0, 0], [0, 0, 0]), ([0, 1, 2], [0, 0, 1, 1, 2, 0, 0, 1, 1, 2])])
def test_equals_the_paper_in_loops(mask_type: MaskType, reach: Reach, colours: tuple[list[int], list[int]]) -> None:
    conv = MaskedConv2d(*colours, reach, mask_type).double()
    randomise(conv)
    x = torch.randn(len(colours[0]), 5, 6, dtype=torch.float64)
    kernel, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    expected = reference_masked_conv(x.numpy(), kernel, bias, (reach.up, reach.left), colours, mask_type)
    torch.testing.assert_close(conv(x[None])[0], torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_the_weights_are_never_written_to() -> None:
    conv = MaskedConv2d([0, 1, 2], [0, 1, 2], around(3), "A")
    with torch.no_grad():
        conv.weight.fill_(1)
    conv(torch.randn(1, 3, 4, 4)).sum().backward()
    assert (conv.weight == 1).all()
    assert conv.weight.grad is not None
    assert (conv.weight.grad[conv.mask == 0] == 0).all()


def test_only_the_parameters_are_saved() -> None:
    conv = MaskedConv2d([0], [0], around(3), "B")
    assert set(conv.state_dict()) == {"weight", "bias"}


def test_the_vertical_stack_moved_down_sees_the_rows_above_and_all_of_them() -> None:
    conv = VerticalConv2d(1, 1, 5).double()
    randomise(conv)
    x = torch.randn(1, 1, 8, 9, dtype=torch.float64, requires_grad=True)
    shift_down(conv(x))[0, 0, 5, 4].backward()
    assert x.grad is not None
    seen = torch.zeros(8, 9, dtype=torch.bool)
    seen[2:5, 2:7] = True
    assert torch.equal(x.grad[0, 0] != 0, seen)


def test_shift_down_brings_in_zeros() -> None:
    x = torch.arange(1.0, 7.0).reshape(1, 1, 3, 2)
    assert shift_down(x).flatten().tolist() == [0, 0, 1, 2, 3, 4]
