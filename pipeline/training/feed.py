"""Windows to tensors: the rows of a few shards in memory, and one rank's part of a batch made of them."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from pipeline.batches import Batch, Cut, Window, audio_batch, cut_windows, image_batch
from pipeline.conditions import Conditioning
from pipeline.rows import Rows
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.training.index import Slot


class Feed:
    """Reads shards as they are asked for and keeps the last few."""

    def __init__(self, dataset: Dataset, conditioning: Conditioning, cut: Cut, shards_in_memory: int) -> None:
        self.dataset = dataset
        self.conditioning = conditioning
        self.how = cut
        self.shards_in_memory = shards_in_memory
        self._shards: OrderedDict[int, Rows] = OrderedDict()
        self._reading = threading.Lock()  # batches are made ready by a thread, and ids asked for by another

    def batch(self, slots: Sequence[Slot]) -> Batch:
        """The windows as one batch."""
        conventions = self.dataset.info.conventions
        rows = [self.row(slot) for slot in slots]
        if isinstance(conventions, ImageConventions):
            return image_batch(rows, conventions, self.conditioning)
        assert isinstance(conventions, AudioConventions)
        return audio_batch(
            rows, [self.cut(row, slot) for row, slot in zip(rows, slots, strict=True)], conventions, self.conditioning
        )

    def silent_batch(self, slot: Slot) -> Batch:
        """A batch that scores nothing: a rank without windows still takes its part in what all ranks do together."""
        batch = self.batch([slot])
        return replace(batch, scored=torch.zeros_like(batch.scored))

    def cut(self, row: dict[str, Any], slot: Slot) -> Window:
        """Where the slot's window lies in its row."""
        return cut_windows(row["num_timesteps"], self.how)[slot.window]

    def row(self, slot: Slot) -> dict[str, Any]:
        """The slot's row, by column."""
        return self._rows(slot.shard)[slot.row]

    def item_ids(self, slots: Sequence[Slot]) -> list[str]:
        """Which items the windows are of."""
        return [self.row(slot)["item_id"] for slot in slots]

    def _rows(self, shard: int) -> Rows:
        with self._reading:
            if shard not in self._shards:
                while len(self._shards) >= self.shards_in_memory:
                    self._shards.popitem(last=False)
                self._shards[shard] = Rows(self.dataset.read_shard(shard, self._columns()))
            self._shards.move_to_end(shard)
            return self._shards[shard]

    def _columns(self) -> list[str]:
        audio = isinstance(self.dataset.info.conventions, AudioConventions)
        conditions = [column for columns in self.conditioning.columns.values() for column in columns]
        return ["item_id", "levels", *(["num_timesteps"] if audio else []), *conditions]
