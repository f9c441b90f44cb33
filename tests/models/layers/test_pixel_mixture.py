"""The mixture of a pixel, colour by colour, against the paper's joint formula in loops."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from models.distributions import DiscretisedLogisticMixture, scaled
from models.layers.pixel_mixture import PixelMixture, num_outputs

COMPONENTS = 3


def outputs(colours: int, seed: int = 0, spread: float = 1.0) -> Tensor:
    size = num_outputs(colours, COMPONENTS)
    return spread * torch.randn(7, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pixels(colours: int, num_levels: int) -> Tensor:
    """Seven pixels: the first ones at the ends of the levels, the others anywhere."""
    x = torch.randint(0, num_levels, (7, colours), generator=torch.Generator().manual_seed(1))
    x[0], x[1] = 0, num_levels - 1
    x[2, -1], x[3, 0] = 0, num_levels - 1
    return x


def coupled_nll(output: Tensor, x: Tensor, num_levels: int) -> Tensor:
    """The nll [..., C] of each colour given the ones before it, as the model has it."""
    colours = x.shape[-1]
    mixture, distribution = PixelMixture.of(output, num_levels, colours), DiscretisedLogisticMixture(num_levels, 3)
    nats = []
    for colour in range(colours):
        nats.append(distribution.nll_nats(mixture.parameters(colour), x[..., colour]))
        mixture = mixture.given(colour, scaled(x[..., colour], num_levels))
    return torch.stack(nats, -1)


def joint_probability(output: np.ndarray, x: np.ndarray, num_levels: int) -> float:
    """The paper's: Σ_m π_m · Π_c [σ((x + ½ bin - mean) / s) - σ((x - ½ bin - mean) / s)]; s is 0.1 bin or more."""
    colours, m = len(x), COMPONENTS
    logits, rest = output[:m], output[m:]
    means, rest = rest[: colours * m].reshape(colours, m), rest[colours * m :]
    log_scales, pairs = rest[: colours * m].reshape(colours, m), np.tanh(rest[colours * m :]).reshape(-1, m)
    order = [(earlier, later) for earlier in range(colours) for later in range(earlier + 1, colours)]
    value = 2 * x / (num_levels - 1) - 1

    def cumulative(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    total = 0.0
    for k in range(m):
        p = float(np.exp(logits[k]) / np.exp(logits).sum())
        for colour in range(colours):
            mean = means[colour, k] + sum(
                pairs[order.index((earlier, colour)), k] * value[earlier] for earlier in range(colour)
            )
            half = 1 / (num_levels - 1)
            scale = max(math.exp(log_scales[colour, k]), 0.1 * 2 * half)
            above = 1.0 if x[colour] == num_levels - 1 else cumulative((value[colour] + half - mean) / scale)
            below = 0.0 if x[colour] == 0 else cumulative((value[colour] - half - mean) / scale)
            p *= above - below
        total += p
    return total


@pytest.mark.parametrize("num_levels", [2, 5, 256])
@pytest.mark.parametrize("colours", [1, 2, 3, 4])
def test_the_colours_add_up_to_the_joint_likelihood(colours: int, num_levels: int) -> None:
    output, x = outputs(colours), pixels(colours, num_levels)
    nats = coupled_nll(output, x, num_levels).sum(-1)
    for number in range(len(x)):
        expected = -math.log(joint_probability(output[number].numpy(), x[number].numpy(), num_levels))
        assert nats[number].item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("colour", [0, 1, 2])
def test_the_probabilities_of_256_levels_sum_to_one(colour: int, dtype: torch.dtype) -> None:
    mixture, x = PixelMixture.of(outputs(3, spread=2.0).to(dtype), 256, 3), pixels(3, 256)
    for earlier in range(colour):
        mixture = mixture.given(earlier, scaled(x[:, earlier], 256).to(dtype))
    log_p = DiscretisedLogisticMixture(256, COMPONENTS).log_probabilities(mixture.parameters(colour))
    assert log_p.shape == (7, 256)
    tolerance = 1e-9 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(7, dtype=dtype), rtol=0, atol=tolerance)


def test_the_weights_of_components_are_their_posterior() -> None:
    """After a red that only the first component gives, the others weigh nothing."""
    output = torch.zeros(num_outputs(3, COMPONENTS), dtype=torch.float64)
    output[COMPONENTS : 2 * COMPONENTS] = torch.tensor([-0.5, 0.5, 0.9])  # means of red
    output[4 * COMPONENTS : 5 * COMPONENTS] = -6.0  # log scales of red
    mixture = PixelMixture.of(output, 256, 3).given(0, torch.tensor(-0.5, dtype=torch.float64))
    assert torch.softmax(mixture.logits, -1).tolist() == pytest.approx([1, 0, 0], abs=1e-12)


def test_a_mean_moves_with_the_earlier_colours_alone() -> None:
    """tanh of three coefficients a component: green on red, blue on red, blue on green."""
    output = torch.zeros(num_outputs(3, COMPONENTS), dtype=torch.float64)
    coefficients = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], dtype=torch.float64)
    output[-9:] = torch.atanh(coefficients)
    red, green = (torch.tensor(value, dtype=torch.float64) for value in (0.5, -0.25))
    mixture = PixelMixture.of(output, 256, 3).given(0, red).given(1, green)
    assert mixture.means[0].tolist() == [0, 0, 0]
    assert mixture.means[1].tolist() == pytest.approx([0.05, 0.1, 0.15])
    assert mixture.means[2].tolist() == pytest.approx([0.2 - 0.175, 0.25 - 0.2, 0.3 - 0.225])


def test_half_precision_is_mixed_in_float32() -> None:
    assert PixelMixture.of(outputs(3).bfloat16(), 256, 3).parameters(0).dtype == torch.float32


def test_ten_numbers_a_component_for_three_colours() -> None:
    assert [num_outputs(colours, 10) for colours in (1, 2, 3, 4)] == [30, 60, 100, 150]
