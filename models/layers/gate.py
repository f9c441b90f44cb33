"""The gated unit of WaveNet and Gated PixelCNN: tanh of one half of the features times the sigmoid of the other.

The gradient is written out: autograd's own goes over the map once for each half to fill it with zeros, and once more to
add both up (decisions/0011). It is taken once; a gradient of the gradient is an error.

A kernel trains maps with channels last, in one pass each way.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.native import gates as native


def gate(x: Tensor, dim: int = 1) -> Tensor:
    """2h features along `dim` to h: tanh of the first half times sigmoid of the second.

    Source: van den Oord et al. 2016b, equation 2; WaveNet, equation 2.
    """
    if native.fits(x, dim):
        return _FusedGate.apply(x)  # type: ignore[no-untyped-call,no-any-return]
    return _Gate.apply(x, dim)  # type: ignore[no-untyped-call,no-any-return]


class _FusedGate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return native.forward(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return native.backward(x, of_output)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        signal, opening = x.chunk(2, dim)
        tanh, sigmoid = signal.tanh(), opening.sigmoid()
        ctx.save_for_backward(tanh, sigmoid)
        ctx.dim = dim
        return tanh * sigmoid

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor, None]:
        tanh, sigmoid = ctx.saved_tensors
        of_signal = torch.ops.aten.tanh_backward(of_output * sigmoid, tanh)
        of_opening = torch.ops.aten.sigmoid_backward(of_output * tanh, sigmoid)
        return torch.cat([of_signal, of_opening], ctx.dim), None
