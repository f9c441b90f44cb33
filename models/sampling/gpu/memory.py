"""The memory that graphs look at, filled anew for the next items.

A graph reads and writes where it did when it was captured. What the next items begin with is made by torch, as for any
sampler, and then copied there, block by block in the order in which objects hold their tensors.
"""

from typing import Any

from torch import Tensor, nn

from models.sampling.cache_state import Walk


def blocks_of(model: nn.Module, *things: Any) -> list[Tensor]:
    """The memory of all tensors in these, as bytes, weights apart; of things made alike, in one order."""
    walk = Walk(model)
    walk.described([*things])
    return walk.blocks


def sizes_of(blocks: list[Tensor]) -> tuple[int, ...]:
    """What two things must have in common, so that one can be written over the other."""
    return tuple(block.shape[0] for block in blocks)


def write(blocks: list[Tensor], values: list[Tensor]) -> None:
    """Put values where graphs look for them."""
    for block, value in zip(blocks, values, strict=True):
        block.copy_(value)
