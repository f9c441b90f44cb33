"""Held-out bits while training: a bounded number of items, the same each time, scored with the averaged weights."""

import math

import numpy as np
import torch

from models.autoregressive import Autoregressive
from pipeline.training.feed import Feed
from pipeline.training.index import Index, Slot
from pipeline.training.order import ITEMS, permutation, share
from pipeline.training.step import on_device, sum_nats
from pipeline.training.world import World


def held_out_slots(index: Index, num_items: int, seed: int) -> list[Slot]:
    """All windows of `num_items` items, chosen by chance (the first ones are often all of one speaker), by shard."""
    ends = np.cumsum([len(shard.rows) for shard in index.shards])
    total = int(ends[-1]) if len(ends) else 0
    slots: list[Slot] = []
    for number in sorted(permutation(np.arange(total), seed, 0, ITEMS)[:num_items].tolist()):
        at = int(np.searchsorted(ends, number, side="right"))
        slots.extend(index.row_slots(at, number - (int(ends[at - 1]) if at else 0)))
    return slots


@torch.no_grad()
def measure_bits(model: Autoregressive, feed: Feed, slots: list[Slot], batch_size: int, world: World) -> float:
    """Bits per level over the slots; every worker scores its share, in equally many batches, and all get the answer.

    Products are made in the weights' own precision, as they are when the model is evaluated and drawn from, however it
    is trained: the figures on its card are those of the model that is exported.
    """
    nats, largest_share = 0.0, -(-len(slots) // world.size)
    mine = share(slots, world.rank, world.size)
    for start in range(0, largest_share, batch_size):
        part = mine[start : start + batch_size]
        batch = feed.batch(part) if part else feed.silent_batch(slots[0])
        nats += float(sum_nats(model, model, on_device(batch, world.device)))
    return bits_per_level(world.sum([nats])[0], sum(slot.num_levels for slot in slots))


def bits_per_level(nats: float, num_levels: int) -> float:
    """Nats over so many levels (timesteps, or pixel channels) as bits per level."""
    return nats / num_levels / math.log(2)
