"""What share of the machine's peak a training reaches: the products that it needs, beside those that it could make.

Needed are, for each level that is scored, three times the products of a draw (`Autoregressive.flops_per_draw`): once
forward, and twice for the gradients of inputs and of weights. What else is computed (context before a window, padding,
activations twice) does not count.
"""

import time

import torch

from models.autoregressive import Autoregressive
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.training.precision import WEIGHTS

PASSES = 3
SIDE = {"cpu": 512, "cuda": 8192}
"""Of the square matrices that are multiplied: as large as it takes to reach the peak, and no larger."""
NUM_TRIES = 6


def flops_per_level(model: Autoregressive, conventions: Conventions, window: int) -> float:
    """What training on one level takes at the least."""
    if isinstance(conventions, AudioConventions):
        shape: tuple[int, ...] = (window,)
    else:
        shape = (conventions.channels, conventions.height, conventions.width)
    return PASSES * model.flops_per_draw(shape)


def probed_peak(device: torch.device, precision: str) -> float:
    """Floating-point operations a second in one large product, in the precision of the products; the best of a few."""
    dtype = torch.bfloat16 if precision == "bfloat16" else WEIGHTS[precision]
    side = SIDE.get(device.type, SIDE["cpu"])
    a = torch.ones(side, side, dtype=dtype, device=device)
    best = min(product_seconds(a) for _ in range(NUM_TRIES))
    return float(2 * side**3 / best)


def product_seconds(a: torch.Tensor) -> float:
    """How long one product takes."""
    synchronise(a.device)
    started = time.perf_counter()
    a @ a
    synchronise(a.device)
    return max(time.perf_counter() - started, 1e-9)


def synchronise(device: torch.device) -> None:
    """Wait for a GPU; a processor has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
