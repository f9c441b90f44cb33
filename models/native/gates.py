"""The gated unit over whole maps by a kernel (`gates.h`), forwards and backwards.

Axes: B batch, F features, H W.
"""

from ctypes import Structure, c_int32, c_int64, c_void_p

import torch
from torch import Tensor

from models.native.calls import called, is_trained_through, kernels_at
from models.native.structs import address


class GatesStruct(Structure):
    """`Gates` of gates.h."""

    _fields_ = (
        ("num_rows", c_int64),
        ("half", c_int32),
        ("x", c_void_p),
        ("of", c_void_p),
        ("out", c_void_p),
    )


def fits(x: Tensor, dim: int) -> bool:
    """Whether the kernel takes a gate: in training, of maps [B, 2F, H, W] with channels last, F in whole vectors."""
    if not is_trained_through(x) or dim != 1 or x.ndim != 4:
        return False
    library = kernels_at(x)
    return (
        library is not None
        and x.shape[1] % (2 * library.vector) == 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def forward(x: Tensor) -> Tensor:
    """Maps [B, 2F, H, W] to [B, F, H, W]."""
    return by_kernel("gates_forward", x, None, x.shape[1] // 2)


def backward(x: Tensor, of_output: Tensor) -> Tensor:
    """The gradient of x."""
    return by_kernel("gates_backward", x, of_output.to(x.dtype).movedim(1, -1).contiguous(), x.shape[1])


def by_kernel(kernel: str, x: Tensor, of: Tensor | None, width: int) -> Tensor:
    """What a kernel makes of x, `width` features wide, channels last."""
    shape = (x.shape[0], width, *x.shape[2:])
    out = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    rows, num_rows = x.movedim(1, -1), x.numel() // x.shape[1]
    given = GatesStruct(num_rows, x.shape[1] // 2, address(rows), address(of), address(out.movedim(1, -1)))
    called(kernel, x.dtype, given)
    return out
