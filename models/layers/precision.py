"""Full precision where autocast would take bfloat16 or float16: what is too coarse for them."""

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Inside, autocast is off on this device. What came from outside is still to be brought to the weights' dtype."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
