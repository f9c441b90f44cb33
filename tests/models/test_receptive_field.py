"""What a position depends on is what its model says, no more and no less: by the gradient, at many places."""

import pytest
import torch
from torch import Tensor

from models.autoregressive import ImageModel, WaveformModel
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.pixelcnn import PixelCNN, PixelCNNConfig
from tests.models.contract_checks import influence
from tests.models.picture_checks import gradient_at, make_positive
from tests.models.tiny import TINY, tiny_model

waveform_models = pytest.mark.parametrize("name", [name for name, tiny in TINY.items() if len(tiny.shape) == 1])
picture_models = pytest.mark.parametrize("name", [name for name, tiny in TINY.items() if len(tiny.shape) == 3])


@waveform_models
def test_the_far_edge_of_a_waveform(name: str) -> None:
    """At the timesteps that look furthest back; where nothing is drawn in blocks, these are all of them."""
    model = tiny_model(name)
    assert isinstance(model, WaveformModel)
    field, block = model.receptive_field, model.alignment
    num_timesteps = -(-(field + 2 * block + 2) // block) * block
    x = torch.randint(0, 5, (2, num_timesteps), generator=torch.Generator().manual_seed(0))
    seen = influence(model, model.predict, model.encode(x), None)
    looks_back = [t - int(seen[t].nonzero()[0]) for t in range(field, num_timesteps)]
    assert max(looks_back) == field
    assert block > 1 or min(looks_back) == field


SIZE = (4, 8)
PIXELS = [(0, 0), (0, 7), (3, 0), (3, 7), (3, 3), (2, 4), (1, 6)]
"""Corners, and places from which every edge is near or far."""


@picture_models
@pytest.mark.parametrize("pixel", PIXELS)
def test_the_pixels_that_a_pixel_sees(name: str, pixel: tuple[int, int]) -> None:
    model = tiny_model(name)
    assert isinstance(model, ImageModel)
    make_positive(model)
    shape = (TINY[name].shape[0], *SIZE)
    seen = seen_by_gradient(model, shape, *pixel)
    assert not seen[pixel]
    assert torch.equal(model.receptive_field(shape, *pixel), seen)


def seen_by_gradient(model: ImageModel, shape: tuple[int, ...], row: int, column: int) -> Tensor:
    """[H, W] bool: which other pixels have a gradient, for any colour."""
    inputs = model.encode(torch.ones(1, *shape, dtype=torch.int64) * 4)
    seen = sum(gradient_at(model, inputs, (colour, row, column)) for colour in range(shape[0]))
    assert isinstance(seen, Tensor)
    others = seen.sum(0) > 0
    others[row, column] = False
    return others


def unseen_in_box(model: ImageModel, depth: int) -> tuple[Tensor, float]:
    """Which pixels of the causal box are not seen from the middle of its last row, and the box's share that they are.

    The box is [depth + 1, 2 · depth + 1]: `depth` pixels up, left and right.
    """
    box = torch.ones(depth + 1, 2 * depth + 1, dtype=torch.bool)
    box[-1, depth:] = False
    unseen = box & ~model.receptive_field((1, *box.shape), depth, depth)
    return unseen, float(unseen.sum() / box.sum())


@pytest.mark.parametrize(("depth", "share"), [(10, 0.205), (15, 0.219)])
def test_the_blind_spot_of_pixelcnn(depth: int, share: float) -> None:
    """Published: stacked 3×3 masks miss 20.5 % of the box at 10 layers and 21.9 % at 15, all of it above-right."""
    model = PixelCNN(PixelCNNConfig(2, 1, hidden=1, num_layers=depth - 1, head_channels=1, first_kernel=3))
    unseen, missed = unseen_in_box(model, depth)
    assert missed == pytest.approx(share, abs=5e-4)
    above, right = depth - unseen.nonzero()[:, 0], unseen.nonzero()[:, 1] - depth
    assert (right > above).all()


@pytest.mark.parametrize("depth", [10, 15])
def test_gated_pixelcnn_has_none(depth: int) -> None:
    model = GatedPixelCNN(GatedPixelCNNConfig(2, 1, hidden=1, num_layers=depth, head_channels=1, first_kernel=3))
    assert not unseen_in_box(model, depth)[0].any()
