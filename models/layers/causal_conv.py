"""One-dimensional causal convolution and the causal shift, on [B, T, C].

Axes: B batch, T timestep, C channel, J tap.

Both put zeros before timestep 0. The layout keeps channels last, so that a tap is a slice in time and a convolution is
one matrix product over all taps side by side; on a CPU that is faster than torch's own convolution.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn


def shift(inputs: Tensor) -> Tensor:
    """Delay by one timestep: [B, T, C] to [B, T, C], out[t] = in[t-1], out[0] = 0.

    What makes a causal network predict: its output at t, which sees its input up to t, then sees x before t alone.
    """
    return delay(inputs, 1)


def delay(inputs: Tensor, num_timesteps: int) -> Tensor:
    """Delay [B, T, C] by num_timesteps, zeros coming in from the left."""
    length = inputs.shape[1]
    kept = inputs[:, : max(0, length - num_timesteps)]
    return F.pad(kept, (0, 0, length - kept.shape[1], 0))


class CausalConv1d(nn.Module):
    """y[t] = bias + Σ_j x[t - (k-1-j)·dilation] · weight[j]: the last tap is the present.

    `weight` is [k, in, out]. Its start is torch's own for convolutions: uniform within ±1/√(in·k).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        bound = 1 / math.sqrt(in_channels * kernel_size)
        self.weight = nn.Parameter(torch.empty(kernel_size, in_channels, out_channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))

    @property
    def reach(self) -> int:
        """How many timesteps back the first tap looks."""
        return (self.kernel_size - 1) * self.dilation

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, in] to [B, T, out]."""
        reaches = [(self.kernel_size - 1 - j) * self.dilation for j in range(self.kernel_size)]
        taps = torch.cat([delay(x, reach) for reach in reaches], -1)
        return F.linear(taps, self.weight.flatten(0, 1).t(), self.bias)
