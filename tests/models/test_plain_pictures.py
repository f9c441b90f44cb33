"""The Gated PixelCNN as it is computed, held to the plain formulation: value and gradient of every weight."""

import pytest
import torch

from benchmarks.plain_pictures import PlainGatedPixelCNN, plain_nats
from models.autoregressive import Autoregressive
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from tests.models.picture_checks import randomise

CONFIG = GatedPixelCNNConfig(128, 3, hidden=6, num_layers=3, head_channels=258, first_kernel=5)
"""Wide enough at the end for products by colour, of uneven width."""


def nats_and_gradients(model: Autoregressive, x: torch.Tensor, *, plain: bool) -> list[torch.Tensor]:
    nats = plain_nats(model, x) if plain else model.nll_nats(x)
    return [nats, *torch.autograd.grad(nats.mean(), list(model.parameters()))]


@pytest.fixture
def models() -> tuple[GatedPixelCNN, PlainGatedPixelCNN]:
    ours, plain = GatedPixelCNN(CONFIG), PlainGatedPixelCNN(CONFIG)
    randomise(ours)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


def test_likelihood_and_gradients_are_those_of_the_plain_formulation(
    models: tuple[GatedPixelCNN, PlainGatedPixelCNN],
) -> None:
    x = torch.randint(128, (2, 3, 5, 4), generator=torch.Generator().manual_seed(0))
    ours, plain = (model.double() for model in models)
    got, expected = nats_and_gradients(ours, x, plain=False), nats_and_gradients(plain, x, plain=True)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=0, atol=1e-10)


@torch.no_grad()
def test_in_bfloat16_both_are_as_far_from_float32(models: tuple[GatedPixelCNN, PlainGatedPixelCNN]) -> None:
    ours, plain = models
    x = torch.randint(128, (4, 3, 6, 6), generator=torch.Generator().manual_seed(0))
    exact = plain_nats(plain, x)
    with torch.autocast("cpu", torch.bfloat16):
        far, plain_far = (float((nats - exact).square().mean()) for nats in (ours.nll_nats(x), plain_nats(plain, x)))
    assert 0 < far < 2 * plain_far


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("low", [False, True])
def test_gradients_lie_as_their_weights_do(channels: int, low: bool) -> None:
    # Data parallel training warns otherwise, and strides of axes of one count there too.
    model = GatedPixelCNN(GatedPixelCNNConfig(256, channels, hidden=6, num_layers=2, head_channels=6))
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        nats = model.nll_nats(torch.randint(256, (2, channels, 4, 5)))
    nats.sum().backward()
    strides = {name: (p.stride(), p.grad.stride()) for name, p in model.named_parameters() if p.grad is not None}
    assert len(strides) == len(list(model.parameters()))
    assert {name: pair for name, pair in strides.items() if pair[0] != pair[1]} == {}
