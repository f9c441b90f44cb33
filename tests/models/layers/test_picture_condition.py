"""The condition of a picture: the network that brings a map to its pixels, and which layer gets what."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.conditioning import Condition, ConditionConfig
from models.layers.picture_condition import MapNetwork, PictureCondition, cells_seen, plus
from tests.models.picture_checks import make_positive, randomise
from tests.models.tiny import tiny_condition, tiny_model

MAP = ConditionConfig(num_planes=2, plane_factor=3, channels=4)


def reference_map(network: MapNetwork, planes: np.ndarray) -> np.ndarray:
    """Planes [P, h, w] to [D, h · factor, w · factor]: 3 × 3 cells, ReLU, then each cell's own pixels, in loops."""
    around, deconvolution = (
        [parameter.detach().numpy() for parameter in layer.parameters()] for layer in (network.around, network.pixels)
    )
    (kernel, bias), (pixels, offset) = around, deconvolution
    channels, factor = pixels.shape[1:3]
    _, height, width = planes.shape
    cells = np.zeros((len(bias), height, width))
    for o, row, column in np.ndindex(*cells.shape):
        cells[o, row, column] = bias[o]
        for i, tap_row, tap_column in np.ndindex(*kernel.shape[1:]):
            r, c = row + tap_row - 1, column + tap_column - 1
            if 0 <= r < height and 0 <= c < width:
                cells[o, row, column] += kernel[o, i, tap_row, tap_column] * planes[i, r, c]
    y = np.zeros((channels, height * factor, width * factor))
    for o, row, column in np.ndindex(*y.shape):
        cell = cells[:, row // factor, column // factor].clip(0)
        y[o, row, column] = offset[o] + cell @ pixels[:, o, row % factor, column % factor]
    return y


def test_the_map_network_equals_the_loops() -> None:
    network = MapNetwork(MAP).double()
    randomise(network)
    planes = torch.randn(1, 2, 3, 4, dtype=torch.float64)
    expected = torch.from_numpy(reference_map(network, planes[0].numpy()))
    torch.testing.assert_close(network(planes)[0].detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", [(0, 0), (1, 2), (3, 4)])
def test_a_cell_reaches_its_own_pixels_and_those_of_the_cells_around_it(cell: tuple[int, int]) -> None:
    network = MapNetwork(MAP).double()
    make_positive(network)
    planes = torch.ones(1, 2, 4, 5, dtype=torch.float64)
    changed = planes.clone()
    changed[0, 0, cell[0], cell[1]] += 1
    reached = (network(changed) != network(planes))[0].any(0)
    for row, column in np.ndindex(*reached.shape):
        field = torch.zeros_like(reached)
        field[row, column] = True
        assert bool(cells_seen(field, 3)[cell]) == bool(reached[row, column])


def test_each_layer_gets_its_own_features_of_both() -> None:
    config = ConditionConfig({"label": 3}, num_planes=1, channels=4)
    condition = PictureCondition(config, [2, 5]).double()
    randomise(condition)
    given = Condition(torch.tensor([[1]]), planes=torch.randn(1, 1, 2, 3, dtype=torch.float64))
    first, second = (bias.rows(slice(None)) for bias in condition(given, 1, (2, 3)))
    assert (first.shape, second.shape) == ((1, 2, 2, 3), (1, 5, 2, 3))
    table = condition.embed.tables[0]
    assert isinstance(table, torch.nn.Embedding)
    item = condition.to_layers.weight @ table.weight[1]
    pixels = torch.einsum(
        "od,dhw->ohw", condition.map_to_layers.weight[:, :, 0, 0], condition.upsample(given.planes)[0]
    )
    torch.testing.assert_close(torch.cat([first, second], 1)[0], item[:, None, None] + pixels, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stays", [False, True])
def test_a_map_that_is_a_part_of_the_item_is_not_dropped_with_the_condition(stays: bool) -> None:
    condition = PictureCondition(ConditionConfig(num_planes=1, planes_of_item=stays), [3])
    planes = torch.ones(2, 1, 2, 2)
    (bias,) = condition(Condition(planes=planes, dropped=torch.tensor([True, False])), 2, (2, 2))
    dropped, kept = plus(torch.zeros(2, 3, 2, 2), bias)
    assert bool(dropped.any()) is stays
    assert kept.any()


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that is made, forward or backward."""

    numel: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outcome = func(*args, **(kwargs or {}))
        self.numel = max(self.numel, *(it.numel() for it in tree_leaves(outcome) if isinstance(it, Tensor)), 0)
        return outcome


@pytest.mark.parametrize("name", ["pixelcnn grey", "pixelrnn grey", "gated_pixelcnn grey", "pixelcnn_pp grey"])
def test_a_maps_biases_are_never_held_for_all_layers(name: str) -> None:
    def largest(kind: str) -> int:
        model = tiny_model(name, kind)
        x, condition = torch.zeros(1, 1, 16, 16, dtype=torch.int64), tiny_condition(kind, batch_size=1, size=(16, 16))
        with Largest() as mode:  # type: ignore[no-untyped-call]
            model.nll_nats(x, condition).mean().backward()
        return int(mode.numel)

    assert largest("planes") <= largest("none")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="frames condition waveforms; set both to 0"):
        PictureCondition(ConditionConfig(num_phones=2), [1])
    planes = Condition(planes=torch.zeros(1, 2, 2, 2))
    with pytest.raises(
        ValueError, match="planes of 2 × 2 cells of 3 × 3 pixels do not cover a picture of 6 × 7 exactly"
    ):
        PictureCondition(MAP, [1])(planes, 1, (6, 7))
