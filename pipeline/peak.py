"""The machine's peak: how fast it multiplies one large matrix by another."""

import time

import torch

SIDE = {"cpu": 512, "cuda": 8192}
"""Of the square matrices that are multiplied: as large as it takes to reach the peak, and no larger."""
NUM_TRIES = 6


def peak_of(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second in one large product; the best of a few."""
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
