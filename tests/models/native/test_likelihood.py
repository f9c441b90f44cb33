"""The likelihood and its gradient by the kernel, on every level, against torch's in float64."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.distributions import Categorical
from models.native import calls, likelihood
from tests.models.native.levels import in_every_precision, library_of, needs_kernels

pytestmark = needs_kernels


def use(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "kernels_for", lambda dtype: library_of(level))


def outcome(logits: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Nats, and the gradient of their sum weighted at random."""
    nats = likelihood.nats_of(logits, levels) if logits.dtype != torch.float64 else plain(logits, levels)
    weights = torch.randn(len(nats), generator=torch.Generator().manual_seed(1)).to(nats.dtype)
    return nats.detach(), torch.autograd.grad((nats * weights).sum(), logits)[0]


def plain(logits: Tensor, levels: Tensor) -> Tensor:
    return F.cross_entropy(logits, levels, reduction="none")


@in_every_precision
@pytest.mark.parametrize("num_levels", [16, 48, 256])
@pytest.mark.parametrize("spread", [0.1, 3.0, 40.0])
def test_nats_and_gradients_are_those_of_the_softmax(
    level: str, dtype: torch.dtype, num_levels: int, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    generator = torch.Generator().manual_seed(0)
    logits = (spread * torch.randn(301, num_levels, generator=generator)).to(dtype).requires_grad_()
    levels = torch.randint(num_levels, (301,), generator=generator)
    nats, gradient = outcome(logits, levels)
    expected = outcome(logits.detach().double().requires_grad_(), levels)
    assert nats.dtype == torch.float32
    assert gradient.dtype == dtype
    torch.testing.assert_close(nats.double(), expected[0], rtol=1e-6, atol=2e-6 * spread)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-2
    torch.testing.assert_close(gradient.double(), expected[1], rtol=tolerance, atol=1e-6)


@in_every_precision
def test_what_is_not_finite_is_told_as_torch_tells_it(
    level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    logits = torch.zeros(5, 32)
    logits[1, 3], logits[2, 31], logits[3, 16] = float("nan"), float("inf"), float("-inf")
    logits[4] = float("-inf")
    others = torch.tensor([0x7F800001, 0x7FFFFFFF, -1, -0x7FFFFF], dtype=torch.int32).view(torch.float32)  # NaN as well
    logits = torch.cat([logits, torch.cat([torch.zeros(4, 31), others[:, None]], 1)]).to(dtype).requires_grad_()
    levels = torch.zeros(9, dtype=torch.int64)
    nats = likelihood.nats_of(logits, levels).detach()
    torch.testing.assert_close(nats, plain(logits.detach().float(), levels), rtol=1e-6, atol=1e-6, equal_nan=True)


@in_every_precision
@pytest.mark.parametrize("wrong", [-1, 32, 2**40])
def test_a_level_that_is_none_is_an_error(
    level: str, dtype: torch.dtype, wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    logits = torch.zeros(3, 32, dtype=dtype, requires_grad=True)
    with pytest.raises(IndexError, match=f"expected levels from 0 to 31, got {wrong}"):
        likelihood.nats_of(logits, torch.tensor([0, wrong, 0]))


@in_every_precision
@pytest.mark.parametrize("shape", [(3, 50), (2, 3, 4, 5)])
def test_a_distribution_takes_the_kernel_in_training_alone(
    level: str, dtype: torch.dtype, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    parameters = torch.randn(*shape, 64).to(dtype).requires_grad_()
    if len(shape) == 4:  # as a picture model gives them: the levels of a colour together, channels last
        parameters = parameters.detach().movedim(1, 3).contiguous().movedim(3, 1).requires_grad_()
    x = torch.randint(64, shape)
    by_kernel = Categorical(64).nll_nats(parameters, x)
    assert "_NatsBackward" in graph(by_kernel)
    with torch.no_grad():
        by_torch = Categorical(64).nll_nats(parameters, x)
    torch.testing.assert_close(by_kernel.detach(), by_torch, rtol=1e-6, atol=1e-6)
    assert not likelihood.fits(parameters.detach().reshape(-1, 64), x.flatten())


def test_levels_that_the_kernel_cannot_read_are_left_to_torch() -> None:
    logits = torch.randn(40, 64, requires_grad=True)
    levels = torch.randint(64, (40,))
    expected = Categorical(64).nll_nats(logits, levels)
    torch.testing.assert_close(Categorical(64).nll_nats(logits, levels.to(torch.uint8)), expected)
    with pytest.raises(RuntimeError, match="Long"):
        Categorical(64).nll_nats(logits, levels.int())
    with pytest.raises(ValueError, match="batch_size"):
        Categorical(64).nll_nats(logits, levels[:30])


def graph(x: Tensor) -> str:
    """The names of all that made a tensor."""
    names, ahead = [], [x.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is not None:
            names.append(type(node).__name__)
            ahead += [following for following, _ in node.next_functions]
    return " ".join(names)
