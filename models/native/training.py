"""One gated layer of WaveNet in training by kernels (`training.h`, `weight_gradient.h`), forwards and backwards.

Axes: B batch, T timestep, N stretch of timesteps that share a bias, R residual, G gate, H = G/2, k taps.
"""

from ctypes import Structure, byref, c_int32, c_int64, c_void_p
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.native.library import Library, best
from models.native.packing import gate_order, panels
from models.native.structs import address


class GatedLayerStruct(Structure):
    """`GatedLayer` of training.h."""

    _fields_ = (
        ("num_items", c_int32),
        ("num_timesteps", c_int32),
        ("num_taps", c_int32),
        ("dilation", c_int32),
        ("residual", c_int32),
        ("half", c_int32),
        ("x", c_void_p),
        ("activations", c_void_p),
        ("z", c_void_p),
        ("biases", c_void_p),
        ("stretch", c_int32),
        ("gate", c_void_p),
        ("expand", c_void_p),
        ("y", c_void_p),
        ("of_z", c_void_p),
        ("of_z_stride", c_int64),
        ("of_y", c_void_p),
        ("contract", c_void_p),
        ("gate_back", c_void_p),
        ("of_gates", c_void_p),
        ("of_bias", c_void_p),
        ("of_x", c_void_p),
    )


class WeightGradientStruct(Structure):
    """`WeightGradient` of weight_gradient.h."""

    _fields_ = (
        ("num_items", c_int32),
        ("num_timesteps", c_int32),
        ("num_taps", c_int32),
        ("dilation", c_int32),
        ("inputs", c_int32),
        ("outputs", c_int32),
        ("in", c_void_p),
        ("of", c_void_p),
        ("out", c_void_p),
        ("scratch", c_void_p),
    )


TIMESTEPS_AT_ONCE = 256
"""Of weight_gradient.h: rows that a weight's gradient goes over at a time."""


class Activated(NamedTuple):
    """What the layer gives: activations [B, T, G] (tanh, then sigmoid), z [B, T, H], y [B, T, R] or None."""

    activations: Tensor
    z: Tensor
    y: Tensor | None


class Gradients(NamedTuple):
    """∂P [B, T, G], ∂b [G] in float32, ∂x [B, T, R] or None."""

    of_gates: Tensor
    of_bias: Tensor
    of_x: Tensor | None


@cache
def training_library(dtype: torch.dtype) -> Library | None:
    """The kernels for products of this precision; None where there are none."""
    library = best()
    if library is None or dtype not in (torch.float32, torch.bfloat16):
        return None
    return library if dtype == torch.float32 or library.has_bfloat16 else None


def fits(x: Tensor, dtype: torch.dtype, half: int) -> bool:
    """Whether the kernel takes a layer: whole vectors on a CPU, a stream in the precision that products are made in."""
    if x.device.type != "cpu" or x.dtype != dtype or torch.compiler.is_compiling():
        return False
    library = training_library(dtype)
    return library is not None and not (x.shape[-1] % library.vector or half % library.vector)


def forward(x: Tensor, taps: Tensor, biases: Tensor, residual: Tensor | None, dilation: int) -> Activated:
    """From x [B, T, R], taps [k, R, G], biases [rows, G] (float32, each for B·T / rows timesteps), residual [R, H]."""
    library, half = library_of(x.dtype), taps.shape[2] // 2
    order = gate_order(half, library)
    gate = panels(taps.flatten(0, 1)[:, order], library, x.dtype)
    expand = None if residual is None else panels(residual.t(), library, x.dtype)
    activations, z = x.new_empty(*x.shape[:2], 2 * half), x.new_empty(*x.shape[:2], half)
    y = None if residual is None else torch.empty_like(x)
    ordered = biases[:, order].contiguous()
    layer = struct_of(x, taps, dilation)
    layer.stretch = x.shape[0] * x.shape[1] // len(biases)
    for name, tensor in zip(
        ("activations", "z", "biases", "gate", "expand", "y"), (activations, z, ordered, gate, expand, y), strict=True
    ):
        setattr(layer, name, address(tensor))
    called(library, "forward", layer, x.dtype)
    return Activated(activations, z, y)


def backward(
    x: Tensor,
    taps: Tensor,
    residual: Tensor | None,
    dilation: int,
    saved: Activated,
    of: tuple[Tensor, Tensor | None],
    *,
    with_input: bool,
) -> Gradients:
    """The gradients of gates, bias and input, `of` being those of z [B, T, H] and y [B, T, R]."""
    library, half = library_of(x.dtype), taps.shape[2] // 2
    of_z = with_rows_apart(of[0].to(x.dtype))
    of_y = None if of[1] is None else of[1].to(x.dtype).contiguous()
    contract = None if residual is None or of_y is None else panels(residual, library, x.dtype)
    gate_back = torch.cat([panels(tap.t(), library, x.dtype) for tap in taps])
    of_gates, of_bias = torch.empty_like(saved.activations), torch.zeros(2 * half)
    of_x = torch.empty_like(x) if with_input else None
    layer = struct_of(x, taps, dilation)
    layer.of_z, layer.of_z_stride = of_z.data_ptr(), of_z.stride(1)
    names = ("activations", "of_y", "contract", "gate_back", "of_gates", "of_bias", "of_x")
    tensors = (saved.activations, of_y, contract, gate_back, of_gates, of_bias, of_x)
    for name, tensor in zip(names, tensors, strict=True):
        setattr(layer, name, address(tensor))
    called(library, "backward", layer, x.dtype)
    return Gradients(of_gates, of_bias, of_x)


def with_rows_apart(x: Tensor) -> Tensor:
    """A tensor [B, T, H] whose timesteps lie equally far apart, as in a part of a wider one; else a copy."""
    batch, row, column = x.stride()
    return x if column == 1 and batch == row * x.shape[1] else x.contiguous()


def weight_gradient(x: Tensor, of_output: Tensor, num_taps: int, dilation: int) -> Tensor:
    """The sums over B and T of x, delayed for each tap, times the gradient: [k, in, out] in float32.

    x is [B, T, in], of_output [B, T, out]; both in whole vectors.
    """
    library, x, of_output = library_of(x.dtype), x.contiguous(), of_output.contiguous()
    out = torch.zeros(num_taps, x.shape[2], of_output.shape[2])
    scratch = x.new_empty(TIMESTEPS_AT_ONCE, x.shape[2] + of_output.shape[2])
    sizes = *x.shape[:2], num_taps, dilation, x.shape[2], of_output.shape[2]
    of = WeightGradientStruct(*sizes, *(address(tensor) for tensor in (x, of_output, out, scratch)))
    getattr(library.calls, f"ancestral_weights_{str(x.dtype).removeprefix('torch.')}")(byref(of))
    return out


def library_of(dtype: torch.dtype) -> Library:
    """The kernels that `fits` has found."""
    library = training_library(dtype)
    assert library is not None
    return library


def struct_of(x: Tensor, taps: Tensor, dilation: int) -> GatedLayerStruct:
    """Sizes and input."""
    layer = GatedLayerStruct(*x.shape[:2], len(taps), dilation, x.shape[2], taps.shape[2] // 2)
    layer.x = address(x)
    return layer


def called(library: Library, direction: str, layer: GatedLayerStruct, dtype: torch.dtype) -> Any:
    """Run one direction."""
    return getattr(library.calls, f"ancestral_layer_{direction}_{str(dtype).removeprefix('torch.')}")(byref(layer))
