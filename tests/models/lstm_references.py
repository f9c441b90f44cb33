"""The layers and the network of PixelRNN in slow loops over pixels, from the paper's equations."""

from collections.abc import Callable, Sequence

import numpy as np

from models.layers.picture_lstm import DiagonalBiLSTM, RowLSTM
from tests.models.picture_checks import reference_masked_conv

Map = np.ndarray
"""Features over a picture, [C, H, W]."""
State = tuple[np.ndarray, np.ndarray]
"""h and c at a pixel, [h] each."""
Colours = tuple[Sequence[int], Sequence[int]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def reference_lstm(gates: np.ndarray, c: np.ndarray) -> State:
    """Equation 3: [o, f, i, g] = σ(gates), tanh for g."""
    num = len(gates) // 4
    o, f, i = (sigmoid(gates[n * num : (n + 1) * num]) for n in range(3))
    c = f * c + i * np.tanh(gates[3 * num :])
    return o * np.tanh(c), c


def weights_of(layer: RowLSTM | DiagonalBiLSTM) -> dict[str, np.ndarray]:
    return {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}


def reference_row(layer: RowLSTM, x: Map, colours: Colours, bias: Map) -> Map:
    """§3.1: K_is along the row, K_ss over three pixels of the row above, the cell from the pixel above."""
    w, (_, height, width) = weights_of(layer), x.shape
    stream, hidden = colours
    kernel = w["input_to_state.weight"]
    gates = reference_masked_conv(x, kernel, w["input_to_state.bias"], (0, 1), (stream, [*hidden] * 4), "B") + bias
    outside = w["initial_h"], w["initial_c"]
    states: dict[tuple[int, int], State] = {(-1, column): outside for column in range(width)}
    for row, column in np.ndindex(height, width):
        total = gates[:, row, column]
        for tap, beside in enumerate((column - 1, column, column + 1)):
            if 0 <= beside < width:
                total = total + w["state_to_state.weight"][:, :, tap] @ states[row - 1, beside][0]
        states[row, column] = reference_lstm(total, states[row - 1, column][1])
    return as_map(lambda row, column: states[row, column][0], (height, width))


def reference_diagonal(layer: DiagonalBiLSTM, x: Map, colours: Colours, bias: Map) -> Map:
    """§3.2: each direction from the pixel above and the one beside; the right one's from the row above is added."""
    w, (_, height, width) = weights_of(layer), x.shape
    stream, hidden = colours
    kernel = w["input_to_state.weight"]
    gates = reference_masked_conv(x, kernel, w["input_to_state.bias"], (0, 0), (stream, [*hidden] * 8), "B") + bias
    num = len(hidden)
    maps = []
    for direction, towards in enumerate((1, -1)):
        four, own = slice(4 * num * direction, 4 * num * (direction + 1)), slice(num * direction, num * (direction + 1))
        kernel, outside = w["state_to_state.weight"][four], (w["initial_h"][own], w["initial_c"][own])
        states: dict[tuple[int, int], State] = {}
        for row in range(height):
            for column in range(width)[::towards]:
                above, beside = (states.get(at, outside) for at in ((row - 1, column), (row, column - towards)))
                total = gates[four, row, column] + kernel[:, :, 0] @ above[0] + kernel[:, :, 1] @ beside[0]
                states[row, column] = reference_lstm(total, beside[1])
        maps.append(states)
    left, right = maps
    nothing = np.zeros(num)
    return as_map(
        lambda row, column: left[row, column][0] + (right[row - 1, column][0] if row else nothing), (height, width)
    )


def as_map(at: Callable[[int, int], np.ndarray], size: tuple[int, int]) -> Map:
    """[C, H, W] of the features at each pixel."""
    height, width = size
    return np.stack([np.stack([at(row, column) for column in range(width)], -1) for row in range(height)], 1)
