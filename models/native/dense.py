"""A linear layer in training by kernels (`dense.h`), forwards and backwards.

Axes: N row, I inputs, O outputs.
"""

from ctypes import Structure, c_int32, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.native.calls import called, is_plain, is_trained_through, kernels_at
from models.native.packing import packed
from models.native.structs import address


class DenseStruct(Structure):
    """`Dense` of dense.h."""

    _fields_ = (
        ("num_rows", c_int64),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("in", c_void_p),
        ("in_stride", c_int64),
        ("panels", c_void_p),
        ("bias", c_void_p),
        ("out", c_void_p),
        ("out_stride", c_int64),
    )


class DenseWeightsStruct(Structure):
    """`DenseWeights` of dense.h."""

    _fields_ = (
        ("num_rows", c_int64),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("rows_at_once", c_int32),
        ("in", c_void_p),
        ("in_stride", c_int64),
        ("of", c_void_p),
        ("of_stride", c_int64),
        ("of_weight", c_void_p),
        ("of_bias", c_void_p),
        ("scratch", c_void_p),
    )


DENSE_VECTORS = 2
"""Of dense.h: vectors of a panel."""

FEWEST_ROWS = 256
"""From which on weights are packed sooner than they are multiplied."""

LARGE = 65_536
"""Numbers of a weight whose gradient does not stay in the caches beside its rows: more of these are taken at once."""


def fits(x: Tensor, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether the kernel takes x [..., I] and a weight [O, I] in `dtype`: in training, many rows, whole vectors.

    Of float32: in bfloat16 torch's products are as fast, and a step with them is faster (decisions/0011). What does not
    belong together is left to torch, which says so.
    """
    library = kernels_at(x, dtype) if dtype == torch.float32 and is_trained_through(x, weight) else None
    if library is None or not all(is_plain(one) and one.device == x.device for one in (x, weight)):
        return False
    if x.shape[-1:] != weight.shape[1:] or any(width % library.vector for width in weight.shape):
        return False
    return x.numel() >= FEWEST_ROWS * x.shape[-1] and x.stride(-1) == 1


def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Rows [N, I] times the weight [O, I] transposed, plus the bias [O]: [N, O] in the precision of the rows."""
    out: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.bias_dtype = None if bias is None else bias.dtype
        return multiplied(rows, weight.t(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        of_output = of_output.to(rows.dtype)
        if of_output.stride(1) != 1:
            of_output = of_output.contiguous()
        of_rows = multiplied(of_output, weight, None) if ctx.needs_input_grad[0] else None
        of_weight, of_bias = weight_gradients(rows, of_output, with_bias=ctx.bias_dtype is not None)
        return of_rows, of_weight.to(weight.dtype), None if of_bias is None else of_bias.to(ctx.bias_dtype)


def multiplied(rows: Tensor, matrix: Tensor, bias: Tensor | None, out: Tensor | None = None) -> Tensor:
    """Rows [N, K] times a matrix [K, M], plus a bias [M]: [N, M], put into `out` where it is given."""
    width, panels = matrix.shape[1], packed(matrix, rows.dtype, DENSE_VECTORS)
    added = rows.new_zeros(width, dtype=torch.float32) if bias is None else bias.float().contiguous()
    out = rows.new_empty(len(rows), width) if out is None else out
    operands = rows.data_ptr(), rows.stride(0), address(panels), address(added), out.data_ptr(), out.stride(0)
    called("dense_multiply", rows.dtype, DenseStruct(*rows.shape, width, *operands))
    return out


def weight_gradients(rows: Tensor, of_output: Tensor, *, with_bias: bool) -> tuple[Tensor, Tensor | None]:
    """The gradients of the weight [O, I] and of the bias [O], in float32."""
    inputs, outputs = rows.shape[1], of_output.shape[1]
    of_weight = rows.new_zeros(outputs, inputs, dtype=torch.float32)
    of_bias = rows.new_zeros(outputs, dtype=torch.float32) if with_bias else None
    at_once = 960 if of_weight.numel() > LARGE else 240
    scratch = rows.new_empty(at_once, inputs + outputs)
    operands = rows.data_ptr(), rows.stride(0), of_output.data_ptr(), of_output.stride(0)
    results = address(of_weight), address(of_bias), address(scratch)
    called("dense_weights", rows.dtype, DenseWeightsStruct(len(rows), inputs, outputs, at_once, *operands, *results))
    return of_weight, of_bias
