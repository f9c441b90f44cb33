"""The gated unit over whole maps by a kernel (`gates.h`), forwards and backwards.

Axes: B batch, H features, H W of a map as rows of pixels.
"""

from ctypes import Structure, c_int32, c_int64, c_void_p

import torch
from torch import Tensor

from models.native.structs import address
from models.native.training import called, training_library


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
    """Whether the kernel takes a gate: of maps [B, 2H, H, W] with channels last, in training, halves of whole vectors.

    What is drawn without kernels is left to torch throughout: its levels do not depend on whether there are any.
    """
    if not (x.requires_grad and torch.is_grad_enabled()) or x.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    if x.ndim != 4 or dim != 1 or not x.is_contiguous(memory_format=torch.channels_last):
        return False
    library = training_library(x.dtype)
    return library is not None and x.shape[1] % (2 * library.vector) == 0


def forward(x: Tensor) -> Tensor:
    """Maps [B, 2H, H, W] to [B, H, H, W]."""
    return by_kernel("gates_forward", x, None, x.shape[1] // 2)


def backward(x: Tensor, of_output: Tensor) -> Tensor:
    """The gradient of x."""
    return by_kernel("gates_backward", x, of_output.to(x.dtype).movedim(1, -1).contiguous(), x.shape[1])


def by_kernel(kernel: str, x: Tensor, of: Tensor | None, width: int) -> Tensor:
    """What a kernel makes of x, `width` features wide, channels last."""
    rows = x.movedim(1, -1)
    out = rows.new_empty(*rows.shape[:3], width)
    num_rows, half = rows.numel() // rows.shape[3], rows.shape[3] // 2
    called(kernel, x.dtype, GatesStruct(num_rows, half, address(rows), address(of), address(out)))
    return out.movedim(-1, 1)
