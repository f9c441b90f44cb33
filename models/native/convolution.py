"""A convolution of maps in training by kernels (`convolution.h`), forwards and backwards.

Axes: B batch, I inputs, O outputs, H W, t taps.

A tap is where a pixel looks, from itself: (rows down, columns to the right). Taps are those of the weight as they lie
there, row by row; the last ones, which a mask hides whole, may be left out.
"""

from ctypes import Array, Structure, addressof, c_int32, c_void_p
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.native.calls import called, is_plain, is_trained_through, kernels_at
from models.native.dense import DENSE_VECTORS
from models.native.packing import packed
from models.native.structs import address


class TapStruct(Structure):
    """`Tap` of convolution.h."""

    _fields_ = (("row", c_int32), ("column", c_int32))


class FrameStruct(Structure):
    """`Frame` of convolution.h."""

    _fields_ = (
        ("num", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("up", c_int32),
        ("down", c_int32),
        ("left", c_int32),
        ("right", c_int32),
        ("rows_at_once", c_int32),
    )


class ConvolutionStruct(Structure):
    """`Convolution` of convolution.h."""

    _fields_ = (
        ("frame", FrameStruct),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("num_taps", c_int32),
        ("taps", c_void_p),
        ("in", c_void_p),
        ("panels", c_void_p),
        ("bias", c_void_p),
        ("out", c_void_p),
        ("scratch", c_void_p),
    )


class ConvolutionWeightsStruct(Structure):
    """`ConvolutionWeights` of convolution.h."""

    _fields_ = (
        ("frame", FrameStruct),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("num_taps", c_int32),
        ("rows_of_tile", c_int32),
        ("taps", c_void_p),
        ("in", c_void_p),
        ("of", c_void_p),
        ("of_weight", c_void_p),
        ("of_bias", c_void_p),
        ("scratch", c_void_p),
        ("laid", c_void_p),
    )


PIXELS_AT_ONCE = 128
"""Forwards: so many read a panel of weights while it is in the caches."""

PIXELS_OF_TILE = 200
"""Of the weights' gradient: a tile's sums stay in registers over so many, which stay in the first-level cache."""

TILES_AT_ONCE = 4
"""So many times those are laid out at once, for all taps."""


class Taps(NamedTuple):
    """Where a pixel looks."""

    offsets: tuple[tuple[int, int], ...]

    @classmethod
    def around(cls, up: int, left: int, columns: int, num: int) -> Self:
        """The first `num` of the rows from `up` above down, `columns` each, from `left` to the left on."""
        return cls(tuple((place // columns - up, place % columns - left) for place in range(num)))

    def turned(self) -> "Taps":
        """Where a pixel is looked at from."""
        return Taps(tuple((-row, -column) for row, column in self.offsets))

    def array(self) -> "Array[TapStruct]":
        """As the kernels have them."""
        return (TapStruct * len(self.offsets))(*(TapStruct(*offset) for offset in self.offsets))

    def frame(self, rows: Tensor, pixels_at_once: int) -> FrameStruct:
        """Of pictures [B, H, W, features]."""
        num, height, width, _ = rows.shape
        of_rows, of_columns = ([0, *of] for of in zip(*self.offsets, strict=True))
        reach = -min(of_rows), max(of_rows), -min(of_columns), max(of_columns)
        return FrameStruct(num, height, width, *reach, min(height, max(1, pixels_at_once // width)))


def frame_of(rows: Tensor, frame: FrameStruct) -> Tensor:
    """Room for one, of features as rows have them."""
    height, width = frame.rows_at_once + frame.up + frame.down, frame.left + frame.width + frame.right
    return rows.new_empty(height, width, rows.shape[3])


def fits(x: Tensor, weight: Tensor, dtype: torch.dtype) -> bool:
    """Whether the kernel takes x [B, I, H, W] and a weight [O, I, rows, columns]: in training, whole vectors."""
    library = kernels_at(x, dtype) if is_trained_through(x, weight) else None
    if library is None or not all(is_plain(one) and one.device == x.device for one in (x, weight)):
        return False
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1] or not x.numel():
        return False
    return x.is_contiguous(memory_format=torch.channels_last) and not any(
        width % library.vector for width in weight.shape[:2]
    )


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, taps: Taps) -> Tensor:
    """Pictures x [B, I, H, W] and a weight [O, I, rows, columns] to [B, O, H, W], in the precision of x."""
    out: Tensor = _Convolution.apply(x, weight.contiguous(), bias, taps)  # type: ignore[no-untyped-call]
    return out


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, taps: Taps) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.taps, ctx.bias_dtype = taps, None if bias is None else bias.dtype
        return convolved(x, by_tap(weight, taps).mT, bias, taps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        taps, of_output = ctx.taps, of_output.to(x.dtype).contiguous(memory_format=torch.channels_last)
        of_x = convolved(of_output, by_tap(weight, taps), None, taps.turned()) if ctx.needs_input_grad[0] else None
        of_taps, of_bias = weight_gradients(x, of_output, taps, with_bias=ctx.bias_dtype is not None)
        of_weight = torch.zeros_like(weight)
        by_tap(of_weight, taps).copy_(of_taps.mT)
        return of_x, of_weight, None if of_bias is None else of_bias.to(ctx.bias_dtype), None


def by_tap(weight: Tensor, taps: Taps) -> Tensor:
    """[O, I, rows, columns] as [t, O, I], in the same memory."""
    return weight.flatten(2).movedim(-1, 0)[: len(taps.offsets)]


def convolved(x: Tensor, matrices: Tensor, bias: Tensor | None, taps: Taps) -> Tensor:
    """Maps [B, K, H, W] times a matrix [K, M] for each tap, plus a bias [M]: [B, M, H, W], both with channels last."""
    rows, width = x.movedim(1, -1), matrices.shape[2]
    frame = taps.frame(rows, PIXELS_AT_ONCE)
    panels, places = packed(matrices, rows.dtype, DENSE_VECTORS), taps.array()
    added = rows.new_zeros(width, dtype=torch.float32) if bias is None else bias.float().contiguous()
    shape, scratch = (x.shape[0], width, *x.shape[2:]), frame_of(rows, frame)
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    operands = (address(one) for one in (rows, panels, added, out.movedim(1, -1), scratch))
    sizes = rows.shape[3], width, len(places)
    called("convolve", rows.dtype, ConvolutionStruct(frame, *sizes, addressof(places), *operands))
    return out


def weight_gradients(x: Tensor, of_output: Tensor, taps: Taps, *, with_bias: bool) -> tuple[Tensor, Tensor | None]:
    """The gradients of the weight [t, I, O] and of the bias [O], in float32; maps [B, I, H, W] with channels last."""
    rows, of_rows = x.movedim(1, -1), of_output.movedim(1, -1)
    inputs, outputs, places = rows.shape[3], of_rows.shape[3], taps.array()
    of_weight = rows.new_zeros(len(places), inputs, outputs, dtype=torch.float32)
    of_bias = rows.new_zeros(outputs, dtype=torch.float32) if with_bias else None
    frame = taps.frame(rows, PIXELS_OF_TILE * TILES_AT_ONCE)
    rows_of_tile = -(-frame.rows_at_once // TILES_AT_ONCE)
    scratch, width = frame_of(rows, frame), frame.width + frame.width % 2
    laid = rows.new_empty(width * (rows_of_tile * inputs + frame.rows_at_once * outputs))
    operands = (address(one) for one in (rows, of_rows, of_weight, of_bias, scratch, laid))
    sizes = inputs, outputs, len(places), rows_of_tile
    called("convolution_weights", rows.dtype, ConvolutionWeightsStruct(frame, *sizes, addressof(places), *operands))
    return of_weight, of_bias
