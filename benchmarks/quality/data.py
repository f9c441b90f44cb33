"""A corpus prepared by the pipeline, and what a training reads of it: the same batches for everyone who takes part."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

from pipeline.batches import Batch, Cut
from pipeline.conditions import Conditioning
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.shards.dataset import Dataset, claim, finish, open_dataset
from pipeline.shards.schema import Conventions
from pipeline.storage import locate
from pipeline.training.feed import Feed
from pipeline.training.index import Contents, read_contents
from pipeline.training.order import Order
from pipeline.training.plan import HELD_OUT_SPLIT, TRAIN_SPLIT
from pipeline.training.validation import held_out_slots

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the real corpora lie that no checkout holds: beside it, unless a folder is given."""


def prepared(corpus: Path, out: Path, config: PrepareConfig) -> Dataset:
    """The corpus as a dataset in the folder `out`, made in this process."""
    if not corpus.is_dir():
        raise SystemExit(f"{corpus} is no folder; name one that holds the corpora: --data FOLDER")
    place, found = locate(str(out)), survey(locate(str(corpus)), config)
    claim(place, "prepare", {})
    made = [make_shard(place, plan, config, found.conventions) for plan in shard_plans(found, config)]
    finish(place, [shard.name for shard in made], found.conventions, {"made_by": "prepare"})
    return open_dataset(place)


@dataclass(frozen=True)
class Material:
    """A dataset as it is trained on: so many windows or pictures a batch, so many items held out.

    `window` timesteps are scored and `receptive_field` stand before them; for pictures both mean nothing.
    """

    dataset: Dataset
    batch_size: int
    num_held_out: int
    window: int = 1
    receptive_field: int = 0

    @property
    def conventions(self) -> Conventions:
        """What the levels mean, and their number."""
        return self.dataset.info.conventions

    def batches(self, seed: int) -> Iterator[Batch]:
        """Training batches without end, in the pipeline's own order."""
        every_shard = len(self.dataset.info.shards)
        order = Order(self._contents.splits[TRAIN_SPLIT], self.batch_size, every_shard, seed)
        return (self._feed.batch(order.batch(step)) for step in count())

    @cached_property
    def held_out(self) -> list[Batch]:
        """The windows that everyone is scored on, with all the context that any of them sees."""
        slots = held_out_slots(self._contents.splits[HELD_OUT_SPLIT], self.num_held_out, seed=0)
        starts = range(0, len(slots), self.batch_size)
        return [self._feed.batch(slots[start : start + self.batch_size]) for start in starts]

    @cached_property
    def _feed(self) -> Feed:
        cut = Cut(self.window, self.receptive_field)
        return Feed(self.dataset, Conditioning(), cut, len(self.dataset.info.shards))

    @cached_property
    def _contents(self) -> Contents:
        return read_contents(self.dataset, (TRAIN_SPLIT, HELD_OUT_SPLIT), self.window)
