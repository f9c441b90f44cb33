import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)

from models.drawn.conv import FinishedRows, PixelConv, Raster, SquareConv
from models.layers.masked_conv import MaskedConv2d, MaskType, around, colour_of_each
from tests.models.picture_checks import randomise


def test_finished_rows_are_the_convolution_with_zeros_above() -> None:
    weight, bias = torch.randn(4, 2, 3, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    x = torch.randn(2, 2, 6, 7, dtype=torch.float64)
    rows = FinishedRows(weight, bias, batch_size=2, width=7)
    pushed = torch.stack([rows.push(x[:, :, row]) for row in range(6)], dim=2)
    torch.testing.assert_close(pushed, F.conv2d(F.pad(x, (2, 2, 2, 0)), weight, bias), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(1, 1), (4, 6)], ids=["vector", "map"])
@pytest.mark.parametrize("mask_type", ["A", "B"])
@torch.no_grad()
def test_colour_by_colour_equals_the_whole_map(mask_type: MaskType, size: tuple[int, int]) -> None:
    conv = MaskedConv2d(colour_of_each(5, 3), colour_of_each(7, 3), around(5), mask_type).double()
    randomise(conv)
    x = torch.randn(2, 5, 4, 6, dtype=torch.float64)
    bias = torch.randn(2, 7, *size, dtype=torch.float64)
    expected = conv(x) + bias
    drawn = SquareConv(conv, 2, 6, bias)
    colours_in, colours_out = torch.tensor(conv.colours_in), torch.tensor(conv.colours_out)
    for row in range(4):
        for column in range(6):
            for colour in range(3):
                if mask_type == "B":
                    drawn.pixel.put(colour, x[:, colours_in == colour, row, column])
                got = drawn.pixel.take(colour, column)
                torch.testing.assert_close(got, expected[:, colours_out == colour, row, column], rtol=0, atol=1e-12)
                drawn.pixel.put(colour, x[:, colours_in == colour, row, column])
            drawn.next_pixel(column)
        drawn.next_row()


def test_a_colour_is_not_multiplied_by_what_it_cannot_see() -> None:
    conv = MaskedConv2d(colour_of_each(6, 3), colour_of_each(9, 3), around(3), "B")
    assert [len(weight) for weight in PixelConv(conv, 1, 4).weights] == [6 + 2, 6 + 4, 6 + 6]


def test_the_raster_runs_colour_first_then_column() -> None:
    raster, seen = Raster((3, 2, 2), 3), []
    for _ in range(11):
        seen.append((raster.column, raster.colour))
        raster.move()
    assert seen[:7] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 0)]
    with pytest.raises(ValueError, match="all 12 positions are drawn"):
        raster.move()


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4), (3, 0, 4)])
def test_a_shape_that_is_no_picture_of_the_model(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a shape \(3, height, width\)"):
        Raster(shape, 3)


def test_a_level_is_given_at_every_step_but_the_first() -> None:
    raster = Raster((1, 2, 2), 1)
    with pytest.raises(ValueError, match="no level at the first step"):
        raster.accept(torch.zeros(1))
    raster.accept(None)
    with pytest.raises(ValueError, match="no level at the first step"):
        raster.accept(None)
