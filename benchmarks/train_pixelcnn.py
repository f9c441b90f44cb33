"""A training step of the picture models in images a CPU second, beside the plain formulation and a large product.

    python -m benchmarks.train_pixelcnn [--rounds N] [--only "gated"] [--record]

A step is the likelihood of a batch of 32 × 32 × 3 levels, its gradient, and Adam's update. In bf16 products are
bfloat16 (autocast), weights and sums float32. The ceiling is a square product of side 1024 in the same precision, in
images: its FLOP/s over what an image takes at the least, three times the multiplications of `flops_per_draw` (what a
mask hides costs nothing there, though it is multiplied). So the ratio to it is the share of the processor's peak.

The target is .60 of the peak for the Gated PixelCNN in bf16; the other networks are here as figures.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.harness import Case, Contestant, main
from benchmarks.plain_pictures import PlainGatedPixelCNN, plain_nats
from models.autoregressive import Autoregressive
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.layers.dropout import set_dropout_keys
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPP, PixelCNNPPConfig
from pipeline.training.allocator import keep_freed_memory

SHAPE = (3, 32, 32)
BATCH_SIZE = 8
"""Enough to saturate the products. Larger ones gain 3 %: the update's share."""

SIDE = 1024
FORWARD_AND_BACKWARD = 3
"""The backward pass multiplies twice as often: for the inputs and for the weights."""

PRECISIONS = {"bf16": torch.bfloat16, "float32": torch.float32}

Nats = Callable[[Tensor], Tensor]


def training_step(
    model: Autoregressive, nats: Nats, optimiser: torch.optim.Optimizer, x: Tensor, dtype: torch.dtype
) -> None:
    """Likelihood, gradient, update."""
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = nats(x).mean()
    torch.autograd.backward(loss)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def contestant(name: str, model: Autoregressive, dtype: torch.dtype, *, plain: bool = False) -> Contestant:
    """A model's step on a batch of levels at random."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (BATCH_SIZE, *SHAPE), generator=generator)
    model.train().initialise(x)
    set_dropout_keys(model, torch.randint(2**32, (BATCH_SIZE, 2), generator=generator))  # as training does
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    nats = partial(plain_nats, model) if plain else model.nll_nats
    step = partial(training_step, model, nats, optimiser, x, dtype)
    return Contestant(name, "peer" if plain else "ours", step, BATCH_SIZE)


def ceiling(model: Autoregressive, dtype: torch.dtype) -> Contestant:
    """The product, and how many images' worth of FLOPs it takes."""
    a, b = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    of_image = FORWARD_AND_BACKWARD * model.flops_per_draw(SHAPE) * math.prod(SHAPE)
    return Contestant(f"a product of side {SIDE} (peak)", "ceiling", partial(torch.mm, a, b), 2 * SIDE**3 / of_image)


def gated_cases() -> Iterator[Case]:
    """The Gated PixelCNN of 15 layers of 128 features, ours and the plain one."""
    for precision, dtype in PRECISIONS.items():
        torch.manual_seed(0)
        ours, plain = (kind(GatedPixelCNNConfig()) for kind in (GatedPixelCNN, PlainGatedPixelCNN))
        contestants = [
            contestant(f"batch {BATCH_SIZE}", ours, dtype),
            contestant("the plain formulation", plain, dtype, plain=True),
            ceiling(ours, dtype),
        ]
        yield Case(f"gated pixelcnn, 15 × 128, {precision}", "images", contestants)


def other_cases() -> Iterator[Case]:
    """The other convolutional networks in the size of their papers."""
    for precision, dtype in PRECISIONS.items():
        for name, model in (
            ("pixelcnn", PixelCNN(PixelCNNConfig())),
            ("pixelcnn++", PixelCNNPP(PixelCNNPPConfig())),
        ):
            yield Case(f"{name}, {precision}", "images", [contestant("ours", model, dtype), ceiling(model, dtype)])


def cases() -> Iterator[Case]:
    yield from gated_cases()
    yield from other_cases()


if __name__ == "__main__":
    keep_freed_memory()  # as a training's workers do
    main("train_pixelcnn", cases)
