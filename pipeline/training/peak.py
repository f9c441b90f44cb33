"""What share of the machine's peak a training reaches: the products that it needs, beside those that it could make.

Needed are, for each level that is scored, three times the products of a draw (`Autoregressive.flops_per_draw`): once
forward, and twice for the gradients of inputs and of weights. What else is computed (context before a window, padding,
activations twice) does not count.
"""

import torch

from models.autoregressive import Autoregressive
from pipeline.peak import peak_of
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.training.precision import WEIGHTS

PASSES = 3


def flops_per_level(model: Autoregressive, conventions: Conventions, window: int) -> float:
    """What training on one level takes at the least."""
    if isinstance(conventions, AudioConventions):
        shape: tuple[int, ...] = (window,)
    else:
        shape = (conventions.channels, conventions.height, conventions.width)
    return PASSES * model.flops_per_draw(shape)


def probed_peak(device: torch.device, precision: str) -> float:
    """Floating-point operations a second in one large product, in the precision of the products."""
    return peak_of(device, torch.bfloat16 if precision == "bfloat16" else WEIGHTS[precision])
