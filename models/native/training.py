"""One gated layer of WaveNet in training by kernels (`training.h`, `weight_gradient.h`), forwards and backwards.

Axes: B batch, T timestep, N stretch of timesteps that share a bias, R residual, G gate, H = G/2, k taps.
"""

from ctypes import Structure, c_int32, c_int64, c_void_p
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from models.native.calls import called, kernels_at, library_of
from models.native.packing import gate_order, packed
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
        ("z_stride", c_int64),
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
        ("of_taps", c_void_p),
        ("of_residual", c_void_p),
        ("scratch", c_void_p),
    )


TIMESTEPS_AT_ONCE = 240
"""Of weight_gradient.h: rows that gradients go over at a time."""

BACK_VECTORS = 2
"""Of training.h: vectors of a panel of what gradients are multiplied with."""


class Activated(NamedTuple):
    """What the layer gives: activations [B, T, G] (tanh, then sigmoid), z [B, T, H], y [B, T, R] or None."""

    activations: Tensor
    z: Tensor
    y: Tensor | None


class Gradients(NamedTuple):
    """∂P [B, T, G], ∂x [B, T, R] or None; in float32 ∂W [k, R, G], ∂b [G], the residual connection's [R, H] or None."""

    of_gates: Tensor
    of_x: Tensor | None
    of_taps: Tensor
    of_bias: Tensor
    of_residual: Tensor | None

    @property
    def of_weights(self) -> tuple[Tensor | None, ...]:
        """In the order in which a layer has them."""
        return self.of_taps, self.of_bias, self.of_residual


def fits(x: Tensor, dtype: torch.dtype, half: int) -> bool:
    """Whether the kernel takes a layer: whole vectors on a CPU, a stream in the precision that products are made in."""
    library = kernels_at(x) if x.dtype == dtype else None
    return library is not None and not (x.shape[-1] % library.vector or half % library.vector)


def forward(
    x: Tensor, taps: Tensor, biases: Tensor, residual: Tensor | None, dilation: int, place: Tensor | None = None
) -> Activated:
    """From x [B, T, R], taps [k, R, G], biases [rows, G] (float32, each for B·T / rows timesteps), residual [R, H].

    z is written to `place` [B, T, H], where it is given.
    """
    library, half = library_of(x.dtype), taps.shape[2] // 2
    gate = packed(taps.flatten(0, 1), x.dtype, library.panel, gates=True)
    expand = None if residual is None else packed(residual.t(), x.dtype, library.panel)
    activations = x.new_empty(*x.shape[:2], 2 * half)
    z = x.new_empty(*x.shape[:2], half) if place is None else place
    y = None if residual is None else torch.empty_like(x)
    ordered = biases[:, gate_order(half, library)].contiguous()
    layer = struct_of(x, taps, dilation)
    layer.stretch, layer.z, layer.z_stride = x.shape[0] * x.shape[1] // max(len(biases), 1), z.data_ptr(), z.stride(1)
    for name, tensor in zip(
        ("activations", "biases", "gate", "expand", "y"), (activations, ordered, gate, expand, y), strict=True
    ):
        setattr(layer, name, address(tensor))
    called("layer_forward", x.dtype, layer)
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
    """All gradients, `of` being those of z [B, T, H] and y [B, T, R]."""
    of_z, of_y = with_rows_apart(of[0].to(x.dtype)), None if of[1] is None else of[1].to(x.dtype).contiguous()
    zeros = partial(x.new_zeros, dtype=torch.float32)
    gradients = Gradients(
        of_gates=torch.empty_like(saved.activations),
        of_x=torch.empty_like(x) if with_input else None,
        of_taps=zeros(taps.shape),
        of_bias=zeros(taps.shape[2:]),
        of_residual=None if residual is None or of_y is None else zeros(residual.shape),
    )
    given = {
        "activations": saved.activations,
        "of_y": of_y,
        "contract": None if residual is None or of_y is None else packed(residual, x.dtype, BACK_VECTORS),
        "gate_back": packed(taps.transpose(1, 2), x.dtype, BACK_VECTORS) if with_input else None,
        "scratch": x.new_empty(TIMESTEPS_AT_ONCE, x.shape[2] + taps.shape[2]),
    }
    layer = struct_of(x, taps, dilation)
    layer.z, layer.z_stride = saved.z.data_ptr(), saved.z.stride(1)
    layer.of_z, layer.of_z_stride = of_z.data_ptr(), of_z.stride(1)
    for name, tensor in (given | gradients._asdict()).items():
        setattr(layer, name, address(tensor))
    called("layer_backward", x.dtype, layer)
    return gradients


def with_rows_apart(x: Tensor) -> Tensor:
    """A tensor [B, T, H] whose timesteps lie equally far apart, as in a part of a wider one; else a copy."""
    batch, row, column = x.stride()
    return x if column == 1 and batch == row * x.shape[1] else x.contiguous()


def struct_of(x: Tensor, taps: Tensor, dilation: int) -> GatedLayerStruct:
    """Sizes and input."""
    layer = GatedLayerStruct(*x.shape[:2], len(taps), dilation, x.shape[2], taps.shape[2] // 2)
    layer.x = address(x)
    return layer
