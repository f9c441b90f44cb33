"""The numbers of a training: what weights are kept in, and what products are made in."""

from contextlib import AbstractContextManager, nullcontext

import torch

WEIGHTS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}
"""By `TrainingConfig.precision`: weights, their average, the optimiser's state, gradients and sums."""


def products_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Inside, torch makes its products in bfloat16 where that is asked for, and keeps in float32 what is too fine.

    bfloat16 has float32's exponents, so that gradients need no scaling.
    """
    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
