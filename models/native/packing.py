"""Weights in the order in which the kernels read them (`products.h`).

Axes: K what is summed over, N columns.
"""

from ctypes import Structure, c_int32, c_int64, c_void_p
from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.native.calls import called
from models.native.library import Library

MOST_DEPTH = 512
"""Of a chunk: a panel of it lies in a core's second-level cache beside what it is multiplied with."""


class PackingStruct(Structure):
    """`Packing` of packing.h."""

    _fields_ = (
        ("from", c_void_p),
        ("stride", c_int64),
        ("row_stride", c_int64),
        ("column_stride", c_int64),
        ("num", c_int32),
        ("depth", c_int32),
        ("width", c_int32),
        ("vectors", c_int32),
        ("gates", c_int32),
        ("to", c_void_p),
    )


def padded(x: Tensor, axis: int, width: int) -> Tensor:
    """Zeros after the end of an axis, up to `width`."""
    missing = width - x.shape[axis]
    return F.pad(x, [0, 0] * (x.ndim - 1 - axis % x.ndim) + [0, missing]) if missing else x


def panels(weight: Tensor, library: Library, dtype: torch.dtype) -> Tensor:
    """[K, N], both in whole vectors, to panels of columns: [K / pair, columns, pair] each, one after another, flat."""
    pair = 2 if dtype == torch.bfloat16 else 1
    columns = weight.to(dtype).split(library.panel * library.vector, 1)
    return torch.cat([panel.unflatten(0, (-1, pair)).transpose(1, 2).flatten() for panel in columns])


def packed(weight: Tensor, dtype: torch.dtype, vectors: int, *, gates: bool = False) -> Tensor:
    """As `panels` by a kernel, of a weight [K, N] or of several [k, K, N], with panels of so many vectors.

    `gates` says that columns are filters, then gates: they are brought into the order of `gate_order`.
    """
    weight = weight.float()
    to = weight.new_empty(weight.shape, dtype=dtype)
    strides, sizes = (0, *weight.stride())[-3:], (1, *weight.shape)[-3:]
    called("pack", dtype, PackingStruct(weight.data_ptr(), *strides, *sizes, vectors, gates, to.data_ptr()))
    return to


def chunked(weight: Tensor, library: Library, dtype: torch.dtype) -> tuple[Tensor, int]:
    """Panels of chunks of K, one after another, and the depth of a chunk."""
    num_chunks = -(-weight.shape[0] // MOST_DEPTH)
    depth = library.padded(-(-weight.shape[0] // num_chunks))
    return torch.cat([panels(part, library, dtype) for part in weight.split(depth)]), depth


@cache
def gate_order(half: int, library: Library) -> Tensor:
    """Which of 2·half columns, filters then gates, stands where: a panel has as many of the one as of the other."""
    filters, gates = torch.arange(2 * half, device="cpu").chunk(2)
    width = library.panel * library.vector // 2
    pairs = zip(filters.split(width), gates.split(width), strict=True)
    return torch.cat([part for pair in pairs for part in pair])


def halves_padded(x: Tensor, half: int) -> Tensor:
    """[..., 2h], filters then gates, to [..., 2·half]: zeros after each."""
    return torch.cat([padded(part, -1, half) for part in x.chunk(2, -1)], -1)
