"""The precision of products: full where bfloat16 or float16 is too coarse, autocast's in products of our own."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Inside, autocast is off on this device. What came from outside is still to be brought to the weights' dtype."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def as_multiplied(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors in the dtype that autocast multiplies in, as torch's own products take them; unchanged where it is off.

    Like these, it leaves float64 as it is.
    """
    return tuple(tensor.to(dtype_of_products(tensor)) for tensor in tensors)


def dtype_of_products(tensor: Tensor) -> torch.dtype:
    """What products with a tensor are made in."""
    device = tensor.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return tensor.dtype
    return tensor.dtype if tensor.dtype == torch.float64 else torch.get_autocast_dtype(device)
