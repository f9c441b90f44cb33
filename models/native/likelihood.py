"""The likelihood of levels under a softmax by a kernel (`likelihood.h`), and its gradient.

Axes: N row, K levels.
"""

from ctypes import Structure, c_int32, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.native.calls import called, is_trained_through, kernels_at
from models.native.structs import address


class LikelihoodStruct(Structure):
    """`Likelihood` of likelihood.h."""

    _fields_ = (
        ("num_rows", c_int64),
        ("num_levels", c_int32),
        ("logits", c_void_p),
        ("levels", c_void_p),
        ("scales", c_void_p),
        ("nats", c_void_p),
        ("of_nats", c_void_p),
        ("out", c_void_p),
    )


def fits(rows: Tensor, levels: Tensor) -> bool:
    """Whether the kernel takes logits [N, K], in training, of whole vectors, one row after another; and levels [N]."""
    if (levels.dtype, levels.device, levels.shape) != (torch.int64, rows.device, rows.shape[:1]):
        return False  # torch says what is wrong with them
    library = kernels_at(rows) if is_trained_through(rows) else None
    return library is not None and rows.shape[1] % library.vector == 0 and rows.is_contiguous()


def nats_of(rows: Tensor, levels: Tensor) -> Tensor:
    """Logits [N, K], float32 or bfloat16, and levels [N] to nats [N] in float32. IndexError for a level that is none.

    Worked out in float32, where an exponential is off by 1e-6 at most. The gradient has the precision of the logits.
    """
    nats: Tensor = _Nats.apply(rows, levels.contiguous())  # type: ignore[no-untyped-call]
    return nats


class _Nats(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, levels: Tensor) -> Tensor:
        nats, scales = (rows.new_empty(len(rows), *more, dtype=torch.float32) for more in ((), (2,)))
        given = struct_of(rows, levels, scales)
        given.nats = address(nats)
        wrong = called("likelihood_forward", rows.dtype, given)
        if wrong >= 0:
            raise IndexError(f"expected levels from 0 to {rows.shape[1] - 1}, got {int(levels[wrong])}")
        ctx.save_for_backward(rows, levels, scales)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_nats: Tensor) -> tuple[Tensor, None]:
        rows, levels, scales = ctx.saved_tensors
        out, of_nats = torch.empty_like(rows), of_nats.contiguous()
        given = struct_of(rows, levels, scales)
        given.of_nats, given.out = address(of_nats), address(out)
        called("likelihood_backward", rows.dtype, given)
        return out, None


def struct_of(rows: Tensor, levels: Tensor, scales: Tensor) -> LikelihoodStruct:
    """What both directions are given."""
    given = LikelihoodStruct(*rows.shape)
    given.logits, given.levels, given.scales = address(rows), address(levels), address(scales)
    return given
