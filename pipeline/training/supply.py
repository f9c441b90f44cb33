"""What a worker is given: its part of every global batch, and its share of the held-out items."""

from collections.abc import Sequence

import torch

from pipeline.batches import Batch, Cut
from pipeline.shards.dataset import Dataset
from pipeline.training.chance import left_to_chance
from pipeline.training.feed import Feed
from pipeline.training.index import Slot, read_contents
from pipeline.training.order import Buckets, Order, share
from pipeline.training.parts import Part, chunks, pinned
from pipeline.training.plan import HELD_OUT_SPLIT, TRAIN_SPLIT, RunPlan
from pipeline.training.prefetch import Ahead
from pipeline.training.validation import held_out_slots
from pipeline.training.world import World


class Supply:
    """Reads the dataset in its order."""

    def __init__(self, plan: RunPlan, dataset: Dataset, cut: Cut) -> None:
        config = self.config = plan.training
        contents = read_contents(dataset, (TRAIN_SPLIT, HELD_OUT_SPLIT), config.window)
        self.licences = contents.licences
        buckets = Buckets(config.bucket_batches, cut.receptive_field)
        train, in_memory = contents.splits[TRAIN_SPLIT], config.shards_in_memory
        self.order = Order(train, config.batch_size, in_memory, config.seed, buckets)
        # A pool no wider than a group reaches from the shards of one into those of the next; a wider one reads shards
        # again rather than hold them all.
        self.feed = Feed(dataset, plan.conditioning, cut, in_memory if config.bucket_batches == 1 else 2 * in_memory)
        self.num_parts, self.prefetch = plan.execution.num_parts, plan.execution.prefetch
        self.held_out = held_out_slots(contents.splits[HELD_OUT_SPLIT], config.validation_items, config.seed)
        self.held_out_feed = Feed(dataset, plan.conditioning, cut, 1)

    def ahead(self, first: int, world: World) -> Ahead:
        """The parts of a worker from a step on to the run's last, made ready while it works."""

        def make(step: int) -> Part:
            part = self.part(step, world.rank, world.size)
            return pinned(part) if world.device.type == "cuda" else part

        return Ahead(make, first, self.config.num_steps, self.prefetch)

    def part(self, step: int, rank: int, size: int) -> Part:
        """What falls to rank `rank` of `size` of a step, and what chance decides for it."""
        return self.dealt(self.order.batch(step), step, rank, size)

    def dealt(self, slots: list[Slot], step: int, rank: int, size: int) -> Part:
        """The same of any global batch. Every rank gets equally many batches, some of which may score nothing."""
        largest_share = -(-len(slots) // size)
        parts = chunks(share(range(len(slots)), rank, size), min(self.num_parts, largest_share))
        batches = [self.batch(slots, step, numbers) for numbers in parts]
        return Part(batches, slots, sum(slot.num_levels for slot in slots))

    def batch(self, slots: list[Slot], step: int, numbers: Sequence[int]) -> Batch:
        """The windows of these numbers in the global batch; one that scores nothing where there are none."""
        batch = self.feed.batch([slots[n] for n in numbers]) if numbers else self.feed.silent_batch(slots[0])
        return left_to_chance(batch, self.config, step, numbers or range(1))

    def first_rows(self) -> Batch:
        """The whole first global batch without padding: what a model's start from data is taken from."""
        return whole_rows(self.feed.batch(self.order.batch(0)))

    def item_ids(self, slots: Sequence[Slot]) -> list[str]:
        """Which items the windows are of."""
        return self.feed.item_ids(slots)


def whole_rows(batch: Batch) -> Batch:
    """The rows of a batch without padding: the longest windows; a batch of images as it is."""
    if batch.x.ndim != 2:
        return batch
    last = torch.where(batch.scored, torch.arange(batch.x.shape[1]), -1).amax(1)
    keep = last == last.max()
    condition = batch.condition.rows(keep) if batch.condition else None
    return Batch(batch.x[keep], batch.scored[keep], condition)
