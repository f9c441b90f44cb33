"""The gated unit over maps by the kernel, on every level: it and its gradient are those of the equation."""

import pytest
import torch
from torch import Tensor

from models.layers.gate import gate
from models.native import calls, gates
from tests.models.native.levels import in_every_precision, library_of, needs_kernels

pytestmark = needs_kernels

TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 1e-2}


def use(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training use the kernels of a level, but for float64."""
    monkeypatch.setattr(calls, "kernels_for", lambda dtype: library_of(level) if dtype in TOLERANCE else None)


def maps(num_features: int, dtype: torch.dtype) -> Tensor:
    """Maps of numbers from small to large, channels last."""
    x = 4 * torch.randn(2, num_features, 5, 7, generator=torch.Generator().manual_seed(0))
    return x.to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()


def outcome(x: Tensor, dim: int = 1) -> tuple[Tensor, Tensor]:
    """The gate, and the gradient of its sum weighted at random."""
    z = gate(x, dim)
    weights = torch.randn(z.shape, generator=torch.Generator().manual_seed(1)).to(z.dtype)
    return z.detach(), torch.autograd.grad((z * weights).sum(), x)[0]


@in_every_precision
@pytest.mark.parametrize("num_features", [32, 96])
def test_maps_and_gradients_are_those_of_the_equation(
    level: str, dtype: torch.dtype, num_features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(level, monkeypatch)
    x = maps(num_features, dtype)
    assert gates.fits(x, 1)
    exact = outcome(x.detach().double().requires_grad_())
    for one, other in zip(outcome(x), exact, strict=True):
        assert one.dtype == dtype
        assert one.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(one.double(), other, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@in_every_precision
def test_what_is_not_finite_stays_so(level: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    use(level, monkeypatch)
    x = maps(32, dtype).detach()
    odd = torch.tensor([0x7FFFFFFF, -1], dtype=torch.int32).view(torch.float32).to(dtype)
    x[0, 3, 0, 0], x[0, 19, 1, 1], x[0, 5, 0, 0], x[0, 22, 0, 0] = float("nan"), float("nan"), odd[0], odd[1]
    x[1, 4, 0, 0], x[1, 20, 0, 0] = float("-inf"), float("inf")
    z = gate(x.requires_grad_()).detach()
    assert [int(at) for at in z.isnan().sum((0, 2, 3)).nonzero().flatten()] == [3, 5, 6]
    assert float(z[1, 4, 0, 0]) == -1.0


def test_the_kernel_is_for_training_alone() -> None:
    x = maps(64, torch.float32)
    assert gates.fits(x, 1)
    assert not gates.fits(x, -1)
    assert not gates.fits(x.detach(), 1)
    assert not gates.fits(x.contiguous(), 1)
    assert not gates.fits(x[:, :30], 1)
    assert not gates.fits(x.double(), 1)
    with torch.no_grad():
        assert not gates.fits(x, 1)


def test_what_it_gives_can_be_changed_in_place() -> None:
    x = maps(64, torch.float32)
    changed = gate(x).mul_(2)
    assert torch.equal(changed, 2 * gate(x))
