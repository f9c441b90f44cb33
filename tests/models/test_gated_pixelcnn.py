from collections import Counter

import numpy as np
import pytest
import torch

from models.gated_pixelcnn import GatedLayer, GatedPixelCNN, GatedPixelCNNConfig
from models.layers.masked_conv import colour_of_each
from tests.models.picture_checks import gradient_at, make_positive, randomise, reference_masked_conv


def reference_vertical(v: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """kernel [2h, C_in, k // 2 + 1, k] over v [C_in, H, W], its last row on the current one."""
    features, _, rows, columns = kernel.shape
    _, height, width = v.shape
    y = np.zeros((features, height, width))
    for o, row, column in np.ndindex(*y.shape):
        y[o, row, column] = bias[o]
        for i, tap_row, tap_column in np.ndindex(*kernel.shape[1:]):
            r, c = row + tap_row - (rows - 1), column + tap_column - columns // 2
            if 0 <= r < height and 0 <= c < width:
                y[o, row, column] += kernel[o, i, tap_row, tap_column] * v[i, r, c]
    return y


def reference_gate(x: np.ndarray) -> np.ndarray:
    half = len(x) // 2
    return np.asarray(np.tanh(x[:half]) / (1 + np.exp(-x[half:])))


def reference_layer(layer: GatedLayer, v: np.ndarray, h: np.ndarray, biases: list[np.ndarray]) -> list[np.ndarray]:
    """Figure 2 and equation 4, in loops: both stacks, the vertical one handed over from the row above."""
    weights = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    above = reference_vertical(v, weights["vertical.conv.weight"], weights["vertical.conv.bias"])
    above += biases[0]
    kernel, bias = weights["horizontal.weight"], weights["horizontal.bias"]
    colours = (layer.horizontal.colours_in, layer.horizontal.colours_out)
    mask_type = "A" if layer.first else "B"
    row = reference_masked_conv(h, kernel, bias, (0, kernel.shape[-1] - 1), colours, mask_type)
    row += biases[1]
    for o, r, c in np.ndindex(*row.shape):
        if r > 0:
            row[o, r, c] += weights["down.weight"][o, :, 0, 0] @ above[:, r - 1, c]
    hidden = layer.output.colours_in
    gated = reference_gate(row)
    out = reference_masked_conv(gated, weights["output.weight"], weights["output.bias"], (0, 0), (hidden, hidden), "B")
    return [reference_gate(above), out if layer.first else h + out]


@pytest.mark.parametrize("first", [True, False])
def test_a_layer_equals_the_paper_in_loops(first: bool) -> None:
    hidden = colour_of_each(4, 3)
    layer = GatedLayer([0, 1, 2] if first else hidden, hidden, 5, first=first).double()
    randomise(layer)
    features = 3 if first else 4
    v, h = (torch.randn(features, 4, 5, dtype=torch.float64) for _ in range(2))
    biases = [torch.randn(8, 4, 5, dtype=torch.float64) for _ in range(2)]
    got = layer(v[None], h[None], biases[0][None], biases[1][None])
    expected = reference_layer(layer, v.numpy(), h.numpy(), [bias.numpy() for bias in biases])
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours[0].detach(), torch.from_numpy(theirs), rtol=0, atol=1e-12)


def test_both_halves_of_the_gate_are_grouped_alike() -> None:
    layer = GatedPixelCNN(GatedPixelCNNConfig(hidden=128, num_layers=1)).layers[0]
    tanh, sigmoid = layer.horizontal.colours_out[:128], layer.horizontal.colours_out[128:]
    assert tanh == sigmoid == layer.output.colours_in
    assert Counter(tanh) == {0: 43, 1: 43, 2: 42}


@pytest.mark.parametrize(("first_kernel", "num_layers", "reach"), [(3, 10, 10), (7, 3, 5), (3, 1, 1)])
def test_there_is_no_blind_spot(first_kernel: int, num_layers: int, reach: int) -> None:
    config = GatedPixelCNNConfig(
        4, channels=1, hidden=2, num_layers=num_layers, head_channels=2, first_kernel=first_kernel
    )
    model = GatedPixelCNN(config).double()
    make_positive(model)
    margin = 3
    middle = reach + margin
    inputs = torch.ones(1, 1, middle + margin, 2 * middle + 1, dtype=torch.float64)
    seen = gradient_at(model, inputs, (0, middle, middle))[0] > 0
    # The handed-over row adds one above the square kernels' own.
    box = torch.zeros_like(seen)
    box[middle - reach - 1 : middle, middle - reach : middle + reach + 1] = True
    box[middle, middle - reach : middle] = True
    assert torch.equal(seen, box)


def by_hand(h: int, layers: int, first_kernel: int, kernel: int) -> int:
    """Of h features, 1024 head channels, 3 colours of 256 levels: what each layer has in its two stacks."""
    halves, head = 2 * h, (h * 1024 + 1024) + (1024 * 768 + 768)

    def layer(features_in: int, k: int) -> int:
        vertical = features_in * halves * (k // 2 + 1) * k + halves
        horizontal = features_in * halves * (k // 2 + 1) + halves
        return vertical + halves * halves + horizontal + (h * h + h)

    return layer(3, first_kernel) + (layers - 1) * layer(h, kernel) + head


def test_parameters_by_hand() -> None:
    """Ours of 15 layers, and the paper's: 20 layers of 384 features, 5×5."""
    assert GatedPixelCNN(GatedPixelCNNConfig()).num_parameters() == by_hand(128, 15, 7, 3) == 5_852_288
    with torch.device("meta"):
        paper = GatedPixelCNN(GatedPixelCNNConfig(hidden=384, num_layers=20, kernel=5))
    assert paper.num_parameters() == by_hand(384, 20, 7, 5) == 116_899_072
