"""The causal convolution and the shift, against loops."""

import numpy as np
import pytest
import torch

from models.layers.causal_conv import CausalConv1d, delay, shift


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (2, 4), (3, 2), (3, 50)])
def test_convolution_equals_the_sum_over_taps(kernel_size: int, dilation: int) -> None:
    conv = CausalConv1d(3, 4, kernel_size, dilation).double()
    x = torch.randn(2, 11, 3, dtype=torch.float64)
    weight, bias, padded = conv.weight.detach().numpy(), conv.bias.detach().numpy(), x.numpy()
    expected = np.zeros((2, 11, 4))
    for b, t, o in np.ndindex(*expected.shape):
        total = bias[o]
        for j in range(kernel_size):
            past = t - (kernel_size - 1 - j) * dilation
            if past >= 0:
                total += sum(padded[b, past, i] * weight[j, i, o] for i in range(3))
        expected[b, t, o] = total
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=1e-12)


def test_it_starts_as_a_convolution_of_torch_does() -> None:
    ours, theirs = CausalConv1d(64, 128, 2, 1), torch.nn.Conv1d(64, 128, 2)
    assert ours.weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.05)
    assert ours.weight.abs().max().item() == pytest.approx(theirs.weight.abs().max().item(), rel=0.05)


def test_shift_is_one_timestep() -> None:
    x = torch.arange(1.0, 7).reshape(1, 6, 1)
    assert shift(x).flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert delay(x, 2).flatten().tolist() == [0, 0, 1, 2, 3, 4]
    assert delay(x, 9).flatten().tolist() == [0] * 6
    assert shift(x[:, :1]).flatten().tolist() == [0]
