"""Kernels in training: which there are for a tensor, and the call of one."""

from ctypes import Structure, byref, c_int64
from functools import cache

import torch
from torch import Tensor

from models.native.library import Library, best


@cache
def kernels_for(dtype: torch.dtype) -> Library | None:
    """The kernels for numbers of this precision; None where there are none."""
    library = best()
    if library is None or dtype not in (torch.float32, torch.bfloat16):
        return None
    return library if dtype == torch.float32 or library.has_bfloat16 else None


def kernels_at(x: Tensor, dtype: torch.dtype | None = None) -> Library | None:
    """The kernels for a tensor, as it is or in `dtype`; None on other devices, and while torch compiles."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return None
    return kernels_for(dtype or x.dtype)


def is_trained_through(*tensors: Tensor) -> bool:
    """Whether a gradient will be asked of any.

    Without one torch works alone: what it draws does not depend on whether there are kernels.
    """
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def is_plain(tensor: Tensor) -> bool:
    """Whether its numbers lie in its memory: those of a tensor that is spread over workers, or is none, do not."""
    return type(tensor) in (Tensor, torch.nn.Parameter)


def suits(bias: Tensor | None, weight: Tensor) -> bool:
    """Whether a bias is that of a weight's outputs, and lies beside it: what is wrong with another torch says."""
    return bias is None or (
        is_plain(bias) and (bias.shape, bias.dtype, bias.device) == (weight.shape[:1], weight.dtype, weight.device)
    )


def library_of(dtype: torch.dtype) -> Library:
    """The kernels for this precision, which are known to be there."""
    library = kernels_for(dtype)
    assert library is not None
    return library


def called(kernel: str, dtype: torch.dtype, given: Structure) -> int:
    """Run a kernel; what it gives, where it gives a number."""
    function = getattr(library_of(dtype).calls, f"ancestral_{kernel}_{str(dtype).removeprefix('torch.')}")
    function.restype = c_int64
    return int(function(byref(given)))
