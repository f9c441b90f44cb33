"""The recurrent layers against equation 3 in loops over pixels, without a skew."""

from itertools import product

import numpy as np
import pytest
import torch

from models.drawn.lstm import runs
from models.layers.picture_field import one_pixel
from models.layers.picture_lstm import DiagonalBiLSTM, RowLSTM, lstm, skew, unskew
from tests.models.lstm_references import reference_diagonal, reference_lstm, reference_row
from tests.models.picture_checks import make_positive, randomise

STREAM, HIDDEN = [0, 0, 1, 1, 2, 2], [0, 0, 1, 2]


@pytest.mark.parametrize("dim", [0, 1])
def test_one_step_is_equation_3(dim: int) -> None:
    gates, c = torch.randn(12, 3, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    expected = reference_lstm(gates.numpy(), c.numpy())
    got = lstm(gates.T if dim else gates, c.T if dim else c, dim)
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours.T if dim else ours, torch.from_numpy(theirs), rtol=0, atol=1e-14)


def test_one_step_by_hand() -> None:
    """σ(0) = 1/2, σ(ln 3) = 3/4, σ(-ln 3) = 1/4, tanh(ln 2) = 3/5."""
    o, f, i, g = 0.0, np.log(3), -np.log(3), np.log(2)
    h, c = lstm(torch.tensor([o, f, i, g], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64), 0)
    assert c.item() == pytest.approx(3 / 4 * 2 + 1 / 4 * 3 / 5)
    assert h.item() == pytest.approx(1 / 2 * np.tanh(1.65))


@pytest.mark.parametrize("size", [(3, 3), (2, 5), (5, 2), (1, 4), (4, 1)])
def test_the_skew_in_loops(size: tuple[int, int]) -> None:
    height, width = size
    x = torch.arange(1.0, 2 * height * width + 1).reshape(2, height, width)
    expected = torch.zeros(2, height, width + height - 1)
    for item, row, column in product(range(2), range(height), range(width)):
        expected[item, row, row + column] = x[item, row, column]
    assert torch.equal(skew(x), expected)
    assert torch.equal(unskew(skew(x)), x)
    assert torch.equal(unskew(expected.masked_fill(expected == 0, 7)), x)  # nothing of what stands around


@pytest.mark.parametrize("size", [(4, 3), (2, 5)])
@torch.no_grad()
def test_row_lstm_in_loops(size: tuple[int, int]) -> None:
    layer = RowLSTM(STREAM, HIDDEN, 3).double()
    randomise(layer)
    x, bias = torch.randn(6, *size, dtype=torch.float64), torch.randn(16, *size, dtype=torch.float64)
    expected = reference_row(layer, x.numpy(), (STREAM, HIDDEN), bias.numpy())
    torch.testing.assert_close(layer(x[None], bias[None])[0], torch.from_numpy(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(4, 3), (2, 5), (1, 3), (3, 1)])
@torch.no_grad()
def test_diagonal_bilstm_in_loops(size: tuple[int, int]) -> None:
    layer = DiagonalBiLSTM(STREAM, HIDDEN).double()
    randomise(layer)
    x, bias = torch.randn(6, *size, dtype=torch.float64), torch.randn(32, *size, dtype=torch.float64)
    expected = reference_diagonal(layer, x.numpy(), (STREAM, HIDDEN), bias.numpy())
    torch.testing.assert_close(layer(x[None], bias[None])[0], torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_every_gate_is_grouped_as_the_states_are() -> None:
    for layer, num_gates in ((RowLSTM([0, 1, 2], [0, 0, 1, 2], 3), 4), (DiagonalBiLSTM([0, 1, 2], [0, 0, 1, 2]), 8)):
        assert layer.input_to_state.colours_out == (0, 0, 1, 2) * num_gates


@pytest.mark.parametrize("kind", [RowLSTM, DiagonalBiLSTM])
@pytest.mark.parametrize("pixel", [(0, 0), (2, 0), (3, 2), (4, 5)])
def test_what_one_layer_sees(kind: type[RowLSTM] | type[DiagonalBiLSTM], pixel: tuple[int, int]) -> None:
    """Row: as far to each side as it is above, and one more to the left. Diagonal: all the rows above, and to the left.

    The pixel itself is seen too: mask B.
    """
    layer = (RowLSTM([0], [0, 0], 3) if kind is RowLSTM else DiagonalBiLSTM([0], [0, 0])).double()
    make_positive(layer)
    x = torch.ones(1, 1, 6, 7, dtype=torch.float64, requires_grad=True)
    layer(x, None)[0, :, *pixel].sum().backward()
    assert x.grad is not None
    row, column = pixel
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(7), indexing="ij")
    above, right = row - rows, columns - column
    triangle = (above >= 0) & (right <= above) & (right >= -above - 1)
    expected = triangle if kind is RowLSTM else (above > 0) | ((above == 0) & (right <= 0))
    assert torch.equal(x.grad[0, 0] > 0, expected)
    assert torch.equal(layer.seen(one_pixel((6, 7), row, column)), expected)


def test_the_features_of_a_colour_stand_together() -> None:
    assert runs([0, 0, 0, 1, 2, 2]) == [slice(0, 3), slice(3, 4), slice(4, 6)]
    assert runs([0, 0]) == [slice(0, 2)]
