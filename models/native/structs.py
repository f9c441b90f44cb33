"""What the kernels are given, as their headers declare it. Pointers are to memory of tensors that the caller holds."""

from ctypes import POINTER, Structure, byref, c_int32, c_int64, c_void_p
from dataclasses import dataclass

import torch
from torch import Tensor

from models.native.library import Library
from models.native.packing import chunked, padded


class ProductStruct(Structure):
    """`Product` of products.h."""

    _fields_ = (
        ("weights", c_void_p),
        ("bias", c_void_p),
        ("depth", c_int32),
        ("width", c_int32),
        ("chunk", c_int32),
    )


class LayerStruct(Structure):
    """`Layer` of wavenet.h."""

    _fields_ = (
        ("gate", c_void_p),
        ("residual", c_void_p),
        ("ring", c_void_p),
        ("dilation", c_int32),
        ("slots", c_int32),
    )


class StackStruct(Structure):
    """`Stack` of wavenet.h."""

    _fields_ = (
        ("layers", POINTER(LayerStruct)),
        ("num_layers", c_int32),
        ("num_taps", c_int32),
        ("residual", c_int32),
        ("half", c_int32),
        ("local", c_int32),
        ("num_lanes", c_int32),
        ("biases_differ", c_int32),
        ("biases", c_void_p),
        ("stream", c_void_p),
        ("z", c_void_p),
    )


class DistributionStruct(Structure):
    """`Distribution` of draws.h."""

    _fields_ = (("num_levels", c_int32), ("num_components", c_int32))


class WaveNetStruct(Structure):
    """`WaveNet` of wavenet.h."""

    _fields_ = (
        ("stack", StackStruct),
        ("skip", ProductStruct),
        ("head", ProductStruct),
        ("output", ProductStruct),
        ("first", c_void_p),
        ("num_first_taps", c_int32),
        ("is_scalar", c_int32),
        ("num_levels", c_int32),
        ("output_is_float32", c_int32),
        ("distribution", DistributionStruct),
        ("recent", c_void_p),
        ("wide", c_void_p),
        ("skips", c_void_p),
        ("hidden", c_void_p),
        ("scratch", c_void_p),
    )


class SpanStruct(Structure):
    """`Span` of wavenet.h."""

    _fields_ = (
        ("clock", c_int64),
        ("num_timesteps", c_int32),
        ("keys", c_void_p),
        ("positions", c_void_p),
        ("temperatures", c_void_p),
        ("local", c_void_p),
        ("given", c_void_p),
        ("levels", c_void_p),
        ("nll_nats", c_void_p),
        ("parameters", c_void_p),
    )


def address(tensor: Tensor | None) -> int | None:
    """Where a tensor's numbers begin; they must lie one after another."""
    if tensor is None:
        return None
    assert tensor.is_contiguous()
    return tensor.data_ptr()


@dataclass(frozen=True)
class PackedProduct:
    """A product [K, N] with its bias, packed; `beyond` is the bias of columns that only fill up a vector."""

    struct: ProductStruct
    held: tuple[Tensor, Tensor]

    @classmethod
    def of(
        cls, weight: Tensor, bias: Tensor, library: Library, dtype: torch.dtype, beyond: float = 0.0
    ) -> "PackedProduct":
        """`weight` [K, N], `bias` [N]."""
        depth, width = (library.padded(size) for size in weight.shape)
        wide_bias = torch.full((width,), beyond)
        wide_bias[: len(bias)] = bias
        packed, chunk = chunked(padded(padded(weight.float(), 0, depth), 1, width), library, dtype)
        struct = ProductStruct(address(packed), address(wide_bias), depth, width, chunk)
        return cls(struct, (packed, wide_bias))

    @property
    def width(self) -> int:
        """N in whole vectors."""
        return int(self.struct.width)

    @property
    def depth(self) -> int:
        """K in whole vectors."""
        return int(self.struct.depth)

    def __call__(self, rows: Tensor, library: Library) -> Tensor:
        """Rows [B, K] to [B, N], both in whole vectors, in float32; a row's bits do not depend on the others."""
        out = rows.new_empty(len(rows), self.width)
        library.calls.ancestral_multiply_float32(
            byref(self.struct),
            c_void_p(address(rows)),
            c_int64(rows.shape[1]),
            len(rows),
            c_void_p(address(out)),
            c_int64(self.width),
        )
        return out
