"""The kernels of pictures, in Triton's interpreter on the CPU: held to the forward pass and to naive draws."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor

from models.conditioning import Condition
from models.counter_random import item_keys
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.sampling import Departures, Kept, sample_cached, sample_naive
from models.sampling.gpu import Kernels, PictureNetwork, Steps
from models.sampling.gpu.launching import LANES_PER_PROGRAM
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)
from tests.models.tiny import perturb, tiny_condition, tiny_model

pytestmark = needs_triton

Network = GatedPixelCNN | PixelCNN

VARIANTS: list[tuple[GatedPixelCNNConfig | PixelCNNConfig, tuple[int, int, int]]] = [
    (GatedPixelCNNConfig(5, 3, 10, 2, 11, 3, 3), (3, 2, 2)),
    (GatedPixelCNNConfig(5, 1, 66, 2, 9, 3, 3), (1, 2, 2)),  # more features than are multiplied at once
    (PixelCNNConfig(5, 2, 9, 1, 11, 3, 5), (2, 2, 2)),
    (PixelCNNConfig(5, 1, 34, 1, 9, 5, 3), (1, 2, 2)),
]
CONDITIONED = [("gated_pixelcnn grey", "global and planes", (1, 2, 2)), ("pixelcnn", "global", (3, 2, 1))]
"""A map and a class, of one colour; a class alone, of three. `test_draws_equal_naive_ones` has others."""

BOTH = [0, pytest.param(2, marks=pytest.mark.slow)]
"""A network of each kind, by its place in VARIANTS."""


def built(config: GatedPixelCNNConfig | PixelCNNConfig) -> Network:
    torch.manual_seed(3)
    model = GatedPixelCNN(config) if isinstance(config, GatedPixelCNNConfig) else PixelCNN(config)
    perturb(model, seed=4, by=0.1)
    return model.eval()


def tiny(name: str, kind: str, shape: tuple[int, ...]) -> tuple[Network, Condition | None]:
    """A tiny model in float32 and a condition of its kind for three pictures."""
    condition = tiny_condition(kind, size=(shape[1], shape[2]))
    if condition is not None:
        condition = condition.each(lambda x: x.float() if x.is_floating_point() else x)
    return cast(Network, tiny_model(name, kind).float().eval()), condition


def stepped(network: PictureNetwork, sequence: Tensor) -> Tensor:
    """Parameters [B, N, P], teacher-forced with levels [B, N] in drawing order."""
    steps = Steps(network)
    steps.capture()
    previous = [None, *sequence.t()]
    return torch.stack([steps.step(levels).clone() for levels in previous[: sequence.shape[1]]], 1)


def levels_of(model: Network, shape: tuple[int, ...], num_lanes: int = 2) -> Tensor:
    return torch.randint(model.config.num_levels, (num_lanes, *shape), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("config", "shape"), VARIANTS)
@torch.no_grad()
def test_steps_equal_the_forward_pass(config: Any, shape: tuple[int, int, int]) -> None:
    model = built(config)
    x = levels_of(model, shape)
    parameters = stepped(PictureNetwork(model, None, 2, shape), model.to_sequence(x))
    torch.testing.assert_close(parameters, model.to_sequence(model(x)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("name", "kind", "shape"), CONDITIONED)
@torch.no_grad()
def test_conditions_are_added_where_they_belong(name: str, kind: str, shape: tuple[int, int, int]) -> None:
    model, condition = tiny(name, kind, shape)
    x = levels_of(model, shape, 3)
    parameters = stepped(PictureNetwork(model, condition, 3, shape), model.to_sequence(x))
    torch.testing.assert_close(parameters, model.to_sequence(model(x, condition)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("place", BOTH)
@torch.no_grad()
def test_bfloat16_is_near_and_is_not_float32(place: int) -> None:
    config, shape = VARIANTS[place]
    model, first = built(config), (shape[0], 1, 2)
    x = levels_of(model, first)
    parameters = stepped(PictureNetwork(model, None, 2, first, "bfloat16"), model.to_sequence(x))
    away = (parameters - model.to_sequence(model(x))).abs().max()
    assert 1e-5 < away < 3e-2


@pytest.mark.parametrize("place", BOTH)
@torch.no_grad()
def test_a_picture_is_the_same_alone_and_in_a_batch(place: int) -> None:
    """Within rounding: in Triton's interpreter a BLAS adds up, on some processors by the row of the tile."""
    config, shape = VARIANTS[place]
    model, first = built(config), (shape[0], 2, 1)
    num_lanes, lane = LANES_PER_PROGRAM + 3, LANES_PER_PROGRAM + 1  # in the second tile
    sequence = model.to_sequence(levels_of(model, first, num_lanes))
    together = stepped(PictureNetwork(model, None, num_lanes, first), sequence)
    alone = stepped(PictureNetwork(model, None, 1, first), sequence[lane : lane + 1])
    assert torch.allclose(together[lane], alone[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("place", BOTH)
@torch.no_grad()
def test_a_picture_that_follows_another_starts_anew(place: int) -> None:
    config, shape = VARIANTS[place]
    model, small = built(config), (shape[0], 2, 1)
    x = levels_of(model, small, 1)
    network = PictureNetwork(model, None, 1, small)
    stepped(network, 4 - model.to_sequence(x))
    parameters = stepped(network, model.to_sequence(x))
    torch.testing.assert_close(parameters, model.to_sequence(model(x)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", ["pixelcnn grey", "colours"])
def test_draws_equal_naive_ones(name: str) -> None:
    config, shape = VARIANTS[0] if name == "colours" else (None, (1, 2, 4))
    model, condition = (built(config), None) if config else tiny(name, "planes", shape)
    keys = item_keys((3, f"item {lane}") for lane in range(3))
    mask = torch.arange(shape[0] * shape[1] * shape[2]).reshape(shape).expand(3, *shape) % 5 == 1
    asked: dict[str, Any] = {
        "departures": Departures(temperature=torch.tensor([1.0, 0.7, 1.3])),
        "kept": Kept(levels_of(model, shape, 3), mask),
    }
    naive = sample_naive(model, shape, condition, keys, **asked)
    drawn = sample_cached(model, shape, condition, keys, **asked, begin=Kernels(model).begin)
    assert torch.equal(drawn.levels, naive.levels)
    torch.testing.assert_close(drawn.nll_nats, naive.nll_nats, rtol=1e-5, atol=1e-5)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a shape \(1, height, width\), got \(3, 2, 2\)"):
        PictureNetwork(built(VARIANTS[1][0]), None, 1, (3, 2, 2))
