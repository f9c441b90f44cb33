"""The optimiser as its config sets it, and the rate of a step."""

import math
from typing import Any, Literal

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


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear, self.conv = nn.Embedding(3, 2), nn.Linear(2, 4), nn.Conv1d(2, 2, 3)
        self.gain = nn.Parameter(torch.ones(2))


def test_weights_of_products_decay_and_nothing_else() -> None:
    model = Small()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimiser = make_optimiser(model, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimiser.step()
    for name, weight in model.named_parameters():
        kept = 1 - 0.1 * 0.5 if name in ("linear.weight", "conv.weight") else 1.0
        torch.testing.assert_close(weight.detach(), before[name] * kept)


def test_decay_is_apart_from_the_gradient() -> None:
    """As AdamW has it: what is taken off does not go through Adam's averages."""
    weight = nn.Parameter(torch.full((2, 2), 3.0))
    optimiser = make_optimiser(nn.ParameterList([weight]), TrainingConfig(learning_rate=0.1, weight_decay=0.2))
    weight.grad = torch.ones_like(weight)
    optimiser.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), 3.0 * (1 - 0.1 * 0.2) - 0.1))


def test_decay_goes_with_adam() -> None:
    with pytest.raises(ValueError, match=r"weight_decay is 0\.1 and optimiser rmsprop"):
        TrainingConfig(optimiser="rmsprop", weight_decay=0.1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": math.nan}, r"learning_rate must be a finite number of at most 3.4e\+38, got nan"),
        ({"weight_decay": math.inf}, "weight_decay must be a finite number of at most .*, got inf"),
        ({"learning_rate": 1e39}, r"learning_rate must be a finite number of at most 3.4e\+38, got 1e\+39"),
        ({"clip_gradient_norm": 1e300}, r"clip_gradient_norm must be a finite number of at most .*, got 1e\+300"),
        ({"learning_rate": 1e38}, r"learning_rate 1e\+38 is too large: adam divides it by 1 - adam_betas\[0\], 0.1, "),
        ({"frame_period_s": 11.0}, "frame_period_s must be above 0 and at most 10.0, got 11.0"),
        ({"window": 10**30}, r"window must be at most 2\^63 - 1, got a number of 100 bits"),
        ({"weight_decay": 20.0, "learning_rate": 0.1}, r"weight_decay 20\.0 times learning_rate 0\.1 is 1 or more"),
        ({"early_stop_validations": -1}, r"must be at least 0, got 0\.0 and -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainingConfig(**settings)


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_the_largest_rate_that_is_taken_makes_a_step(optimiser: Literal["adam", "rmsprop"]) -> None:
    weight = nn.Parameter(torch.zeros(2))
    rate = 3.39e37 if optimiser == "adam" else 3.39e38
    made = make_optimiser(nn.ParameterList([weight]), TrainingConfig(optimiser=optimiser, learning_rate=rate))
    weight.grad = torch.full_like(weight, 1e-3)
    made.step()
    assert float(weight.detach().abs().min()) > 1e37
