"""What a model costs: the multiplications that its weights take part in.

A masked weight costs nothing where the mask hides it, and an embedding is looked up. Two FLOPs a multiplication (it
comes with an addition); biases, gates and softmax are left out, as in the usual counts.
"""

from torch import nn

from models.layers.masked_conv import MaskedConv2d

FLOPS_PER_MULTIPLICATION = 2


def num_multiplications(*modules: nn.Module) -> int:
    """How many products with weights these modules take to give one position of their output, each used once."""
    return sum(_own_multiplications(inner) for module in modules for inner in module.modules())


def _own_multiplications(module: nn.Module) -> int:
    if isinstance(module, MaskedConv2d):
        return int(module.mask.sum())
    if isinstance(module, nn.Embedding):
        return 0
    return sum(weight.numel() for weight in module.parameters(recurse=False) if weight.ndim > 1)
