"""How weights may start otherwise than they do: changes to a fresh model, by the names of its parameters."""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from models.layers.masked_conv import MaskedConv2d

Start = Callable[[nn.Module], None]
"""Changes a fresh model's weights."""

LARGEST_FACTOR = 10
"""A feature of the first colour sees next to nothing where a mask of type A hides its pixel."""


def scale(ending: str, factor: float) -> Start:
    """Every weight whose name ends so, times a factor; biases stay. AssertionError where there is none."""
    return lambda model: multiply(ending, factor, [model])


def later_layers(ending: str, factor: float) -> Start:
    """The same for layers from the second on, which have a residual connection around them."""
    return lambda model: multiply(ending, factor, list(model.layers)[1:])  # type: ignore[arg-type]


@torch.no_grad()
def multiply(ending: str, factor: float, modules: Iterable[nn.Module]) -> None:
    """Multiply what is found in these modules."""
    named = [pair for module in modules for pair in module.named_parameters()]
    found = [weight for name, weight in named if weight.ndim > 1 and name.endswith(ending)]
    assert found, f"no weight ends in {ending}; there are {', '.join(name for name, _ in named)}"
    for weight in found:
        weight.mul_(factor)


@torch.no_grad()
def as_many_as_seen(model: nn.Module) -> None:
    """Masked weights as torch starts them where only what the mask lets through is counted."""
    for module in model.modules():
        if isinstance(module, MaskedConv2d):
            share = module.mask.flatten(1).mean(1).clamp(min=LARGEST_FACTOR**-2)
            module.weight.mul_(share.rsqrt()[:, None, None, None])


WAVENET: Mapping[str, Start] = {
    "output x 10": scale("output.weight", 10),
    "output 0": scale("output.weight", 0),
    "residual 0": scale("residual.weight", 0),
    "residual / sqrt(2L)": scale("residual.weight", 1 / math.sqrt(2 * 16)),
    "residual x 3": scale("residual.weight", 3),
    "gate x sqrt(3)": scale("gate.weight", math.sqrt(3)),
    "embedding x 0.1": scale("embedding.weight", 0.1),
    "embedding x 0.3": scale("embedding.weight", 0.3),
    "skip x 3": scale("skip.weight", 3),
    "all x sqrt(3)": scale("weight", math.sqrt(3)),
}

GATED_PIXELCNN: Mapping[str, Start] = {
    "output x 0.1": scale("head.1.weight", 0.1),
    "output 0": scale("head.1.weight", 0),
    "residual 0": later_layers("output.weight", 0),
    "residual x 3": later_layers("output.weight", 3),
    "by what masks let through": as_many_as_seen,
    "all x sqrt(3)": scale("weight", math.sqrt(3)),
    "all x 2": scale("weight", 2),
    "head x 2": scale("head.0.weight", 2),
}

PIXELCNN: Mapping[str, Start] = {
    "output x 0.1": scale("head.2.weight", 0.1),
    "output 0": scale("head.2.weight", 0),
    "residual 0": scale("expand.weight", 0),
    "residual x 0.4": scale("expand.weight", 0.4),
    "residual x 3": scale("expand.weight", 3),
    "by what masks let through": as_many_as_seen,
    "all x sqrt(3)": scale("weight", math.sqrt(3)),
    "all x sqrt(6)": scale("weight", math.sqrt(6)),
}
"""torch starts a weight uniform within 1/sqrt(fan-in), a third of the variance that keeps a linear layer's."""
