"""The recurrent layers again, computed for one colour of one pixel at a time, as a picture is drawn.

Axes: B batch, H W; 4h four gates of h features.

K_is sees what is drawn so far and is computed colour by colour, as in `drawn/conv.py`. K_ss sees finished pixels alone,
every colour of them, and is computed once for all colours. So each state is computed once, and is final.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.drawn.conv import PixelConv, in_whole_vectors
from models.layers.picture_condition import LayerBias, plus_row
from models.layers.picture_lstm import DiagonalBiLSTM, RowLSTM, lstm


def runs(colours: Sequence[int]) -> list[slice]:
    """Where the features of each colour stand, in the order of colours."""
    ends = [sum(other <= colour for other in colours) for colour in sorted(set(colours))]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


class DrawnRowLSTM:
    """A Row LSTM; K_ss is computed for a whole row when the row above is finished.

    `h` and `c` [B, h, W] are the states of the row above, until a pixel's own take their place.
    """

    def __init__(self, layer: RowLSTM, batch_size: int, width: int, bias: LayerBias) -> None:
        self.layer, self.bias = layer, bias
        self.gates = PixelConv(layer.input_to_state, batch_size, width)
        self.places = runs(layer.hidden)
        self.h, self.c = (state.clone() for state in layer.initial_state(batch_size, width))
        self.row = -1
        self.next_row()

    def next_row(self) -> None:
        """Begin a row below the one that is finished."""
        self.row += 1
        recurrent = self.layer.state_to_state(self.h) + self.layer.input_to_state.bias[:, None]
        self.gates.start_row(plus_row(recurrent, self.bias, self.row))

    def features(self, x: Tensor, colour: int, column: int) -> Tensor:
        """The layer's features [B, ...] of this colour at a pixel, from those of its input."""
        place = self.places[colour]
        h, c = lstm(self.gates.through(colour, x, column), self.c[:, place, column], dim=1)
        self.h[:, place, column], self.c[:, place, column] = h, c
        return h


class DrawnDirection:
    """One direction of a Diagonal BiLSTM, as if it began at the left: the right one's columns are mirrored.

    `h` [1 + W, B, h] are the states of the row above, until a pixel's own take their place; the first column stands
    beside the picture and stays. `c` [B, h] is the cell beside.
    """

    def __init__(self, h: Tensor, c: Tensor, matrix: Tensor, batch_size: int, width: int) -> None:
        self.matrix, self.num_gates = in_whole_vectors(matrix), matrix.shape[1]
        self.h, self.initial_c = h.repeat(1 + width, batch_size, 1), c.repeat(batch_size, 1)
        self.c = self.initial_c.clone()

    def start_row(self) -> None:
        """Go back to the first column."""
        self.c = self.initial_c.clone()

    def recurrent(self, column: int) -> Tensor:
        """K_ss ∗ h_before at a column, [B, 4h]: the state above, then the one beside."""
        before = torch.cat([self.h[1 + column], self.h[column]], dim=1)
        return (before @ self.matrix)[:, : self.num_gates]

    def set(self, column: int, features: slice, gates: Tensor) -> Tensor:
        """The states [B, ...] of some features at a column, kept, from their gates."""
        h, c = lstm(gates, self.c[:, features], dim=1)
        self.h[1 + column, :, features], self.c[:, features] = h, c
        return h


class DrawnDiagonalBiLSTM:
    """A Diagonal BiLSTM; the right direction runs back over a row when it is finished, and is handed one row down.

    `PixelConv` gives the four gates of a colour together. The left direction keeps all of its gates in that order, by
    colour. The right one, which computes whole pixels, puts them back in the order of the weights, by gate.
    """

    def __init__(self, layer: DiagonalBiLSTM, batch_size: int, width: int, bias: LayerBias) -> None:
        self.layer, self.bias = layer, bias
        self.gates = PixelConv(layer.input_to_state, batch_size, width)
        self.places = runs(layer.hidden)
        by_colour = torch.tensor(4 * layer.hidden, device=layer.initial_h.device).argsort(stable=True)
        self.by_gate = by_colour.argsort()
        (h, c), (left, right) = layer.initial_state(), layer.matrices()
        self.left = DrawnDirection(h[0], c[0], left[:, by_colour], batch_size, width)
        self.right = DrawnDirection(h[1], c[1], right, batch_size, width)
        self.recurrent = h.new_zeros(batch_size, len(by_colour))  # the left direction's, at the current pixel
        self.right_gates = h.new_zeros(width, batch_size, len(by_colour))
        self.handed_down = h.new_zeros(width, batch_size, len(layer.hidden))  # the right map's row above
        self.row = 0
        self.start_row()

    def start_row(self) -> None:
        """Begin the current row of the left direction."""
        self.left.start_row()
        offset = self.layer.input_to_state.bias[:, None].expand(len(self.recurrent), -1, len(self.handed_down))
        self.gates.start_row(plus_row(offset, self.bias, self.row))

    def next_row(self) -> None:
        """Begin a row below the one that is finished."""
        self.right.start_row()
        for column, gates in enumerate(self.right_gates[:, :, self.by_gate].flip(0)):
            self.right.set(column, slice(None), gates + self.right.recurrent(column))
        self.handed_down = self.right.h[1:].flip(0)
        self.row += 1
        self.start_row()

    def features(self, x: Tensor, colour: int, column: int) -> Tensor:
        """The layer's features [B, ...] of this colour at a pixel, from those of its input."""
        if colour == 0:
            self.recurrent = self.left.recurrent(column)
        place = self.places[colour]
        of_gates = slice(4 * place.start, 4 * place.stop)
        left, self.right_gates[column, :, of_gates] = self.gates.through(colour, x, column).chunk(2, dim=1)
        return self.left.set(column, place, left + self.recurrent[:, of_gates]) + self.handed_down[column, :, place]
