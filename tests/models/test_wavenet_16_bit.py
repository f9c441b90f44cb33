"""65,536 levels: scalars in, a mixture of logistics out, and nothing between them as wide as the levels are many."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from models.counter_random import item_keys
from models.distributions import DiscretisedLogisticMixture
from models.sampling import sample_cached, sample_naive
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_context import ContextStackConfig
from tests.models.contract_checks import forwarded, stepped
from tests.models.tiny import perturb

NUM_LEVELS = 65536


def model_of(num_levels: int = NUM_LEVELS, **settings: Any) -> WaveNet:
    torch.manual_seed(0)
    shape: dict[str, Any] = {"dilations": (1, 2, 4), "num_stacks": 1, "input_kernel_size": 2, **settings}
    return WaveNet(WaveNetConfig(num_levels, 16, 32, 32, 32, input="scalar", output="logistic_mixture", **shape))


def levels(batch_size: int, num_timesteps: int, num_levels: int = NUM_LEVELS) -> Tensor:
    return torch.randint(num_levels, (batch_size, num_timesteps), generator=torch.Generator().manual_seed(1))


class WidestAxis(TorchFunctionMode):
    """Notes the longest axis of all that torch's functions give."""

    widest = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        outcome = func(*args, **(kwargs or {}))
        tensors = [it for it in (outcome if isinstance(outcome, tuple) else (outcome,)) if isinstance(it, Tensor)]
        self.widest = max(self.widest, *(size for tensor in tensors for size in Tensor.size(tensor)), 0)
        return outcome


@pytest.fixture
def widest() -> Iterator[WidestAxis]:
    with WidestAxis() as mode:
        yield mode


def test_nothing_is_as_wide_as_the_levels_in_training_and_in_drawing(widest: WidestAxis) -> None:
    model = model_of(contexts=(ContextStackConfig(4, 8, 16, 8, dilations=(1, 2)),))
    model.nll_nats(levels(2, 20)).mean().backward()
    drawn = sample_cached(model, (20,), None, item_keys([(0, "a"), (0, "b")]))
    assert drawn.levels.shape == (2, 20)
    assert 0 < widest.widest < 4096  # a layer's weights, laid out one after another for a kernel


def test_one_that_looks_every_level_up_is_seen(widest: WidestAxis) -> None:
    DiscretisedLogisticMixture(NUM_LEVELS, 1).log_probabilities(torch.zeros(1, 3))
    assert widest.widest == NUM_LEVELS


def test_steps_equal_forward_and_cached_draws_naive_ones() -> None:
    model = model_of(contexts=(ContextStackConfig(4, 8, 16, 8, dilations=(1, 2)),)).double()
    perturb(model, seed=0)
    x = levels(3, 30)
    torch.testing.assert_close(stepped(model, x, None), forwarded(model, x, None), rtol=0, atol=1e-10)
    cached, naive = (sample(model, (12,), None, item_keys([(3, "a")])) for sample in (sample_cached, sample_naive))
    assert torch.equal(cached.levels, naive.levels)
    assert cached.levels.max() > 255


@pytest.mark.parametrize("num_components", [1, 3, 10])
@pytest.mark.parametrize("num_levels", [5, 256, NUM_LEVELS])
def test_the_first_loss_is_about_that_of_the_uniform_distribution(num_levels: int, num_components: int) -> None:
    model = model_of(num_levels, num_components=num_components)
    with torch.no_grad():
        nll_nats = model.nll_nats(levels(4, 500, num_levels)).mean().item()
    assert nll_nats == pytest.approx(math.log(num_levels), rel=0.25 if num_components == 1 else 0.05)


def test_scores_in_float32_are_those_of_float64() -> None:
    # A bin is 3e-5 wide and float32 tells 6e-8 apart near 1: where a scale is as narrow as a bin, a thousandth is lost.
    model = model_of()
    perturb(model.double(), seed=0)
    x = levels(2, 200)
    with torch.no_grad():
        exact, found = model.nll_nats(x), model.float().nll_nats(x)
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=2e-3)


def test_training_in_bfloat16_tells_means_apart() -> None:
    model, x = model_of(contexts=(ContextStackConfig(4, 8, 16, 8, dilations=(1, 2)),)), levels(2, 200)
    with torch.autocast("cpu", torch.bfloat16):
        parameters = model(x)
        loss = model.nll_nats(x).mean()
    loss.backward()
    means = parameters.detach()[..., 10:20]
    assert loss.dtype == means.dtype == torch.float32
    assert (means != means.bfloat16()).any()
    assert loss.item() == pytest.approx(model.nll_nats(x).mean().item(), abs=0.02)


def test_a_level_is_told_from_the_next_one_in_bfloat16() -> None:
    model = model_of()
    x = torch.full((2, 4), 50000)
    x[1, 0] += 1
    with torch.autocast("cpu", torch.bfloat16):
        one, other = model.first(model.encode(x))
    assert (one[0] != other[0]).all()
    torch.testing.assert_close(one, model.first(model.encode(x))[0], rtol=0, atol=0)


def test_it_learns_a_periodic_waveform() -> None:
    model = model_of(dilations=(1, 2), num_components=2)
    x = (torch.tensor([0, 20, 45, 60, 50, 30, 10, 5] * 6) * 1000)[None]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        loss = model.nll_nats(x)[:, 8:].mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < math.log(NUM_LEVELS) - 2


def test_parameters_counted_by_hand() -> None:
    plain = WaveNet(WaveNetConfig(NUM_LEVELS, 4, 6, 5, 7, input="scalar", output="logistic_mixture", num_components=3))
    first, gates, residuals = 4 + 4, 30 * (2 * 4 * 6 + 6), 29 * 3 * 4
    skips, head, output = 30 * 3 * 5 + 5, 5 * 7 + 7, 7 * 9 + 9
    assert plain.num_parameters() == first + gates + residuals + skips + head + output
