import pytest
import torch

from models.layers.gate import gate


def test_the_gate_is_tanh_of_the_first_half_times_sigmoid_of_the_second() -> None:
    x = torch.tensor([1.0, -2.0, 0.5, 3.0]).reshape(1, 4, 1, 1)
    # tanh(1) · σ(0.5) and tanh(-2) · σ(3)
    expected = torch.tensor([0.7615942 * 0.6224593, -0.9640276 * 0.9525741])
    torch.testing.assert_close(gate(x).flatten(), expected)


@pytest.mark.parametrize("dim", [1, -1])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_its_gradient_is_autograds(dim: int, layout: torch.memory_format) -> None:
    x = torch.randn(2, 6, 3, 8, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    signal, opening = x.chunk(2, dim)
    plain, ours = signal.tanh() * opening.sigmoid(), gate(x, dim)
    weights = torch.randn_like(plain)
    expected, got = (torch.autograd.grad((y * weights).sum(), x)[0] for y in (plain, ours))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-14)
    assert torch.equal(ours, plain)
    assert got.stride() == x.stride()
