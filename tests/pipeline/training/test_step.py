"""The optimiser as its config sets it, and the rate of a step."""

import pytest
import torch
from torch import nn

from pipeline.training.config import TrainingConfig
from pipeline.training.schedule import learning_rate
from pipeline.training.step import make_optimiser


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.95, 0.9995), (0.0, 0.5)])
def test_adam_keeps_the_shares_that_it_is_given(betas: tuple[float, float]) -> None:
    """Two steps by hand (Kingma and Ba 2015, algorithm 1)."""
    weight = nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimiser = make_optimiser(nn.ParameterList([weight]), TrainingConfig(learning_rate=0.1, adam_betas=betas))
    expected, first, second = 2.0, 0.0, 0.0
    for step, gradient in enumerate((3.0, -1.0), start=1):
        weight.grad = torch.tensor([gradient], dtype=torch.float64)
        optimiser.step()
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        unbiased = first / (1 - betas[0] ** step), second / (1 - betas[1] ** step)
        expected -= 0.1 * unbiased[0] / (unbiased[1] ** 0.5 + 1e-8)
        assert weight.item() == pytest.approx(expected, abs=1e-12)


def test_an_exponential_decay_multiplies_at_every_step() -> None:
    config = TrainingConfig(learning_rate=0.5, warm_up_steps=2, decay="exponential", decay_per_step=0.9)
    assert [learning_rate(config, step) for step in range(4)] == pytest.approx(
        [0.25, 0.5 * 0.9, 0.5 * 0.9**2, 0.5 * 0.9**3]
    )
