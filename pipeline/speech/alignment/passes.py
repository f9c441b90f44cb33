"""Training from a corpus's items to a model, over whatever runs a function over shards: one process or a cluster.

The first guess depends on what espeak-ng has said before in a shard, all else on the utterances alone. Shards are cut
by the items and the config, so the model depends on these, never on who did the work or in which order.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

from pipeline.errors import CorpusError
from pipeline.items import AudioItem, Item
from pipeline.speech.alignment.acoustic_model import AcousticModel
from pipeline.speech.alignment.cache import (
    CachedShard,
    Reader,
    cache_shard,
    cached_utterances,
    frequent_units,
    training_shards,
)
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.statistics import Statistics
from pipeline.speech.alignment.training import statistics_of, train
from pipeline.storage import Location

OverShards = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function, which can be carried to another process, with each plan; yields results in any order."""

Shard = tuple[int, Sequence[AudioItem]]


def train_on(
    items: Callable[[], Iterable[Item]], scratch: Location, read: Reader, config: AlignmentConfig, over: OverShards
) -> AcousticModel:
    """A model of a choice of the items, which are gone through twice.

    Features lie in `scratch` meanwhile, which whoever runs shards must reach; it is removed in the end.
    Raises CorpusError where not one item can be trained on.
    """
    scratch.make_folder()
    try:
        shards = cached(items, scratch, read, config, over)
        units = frequent_units(shards, config.fewest_occurrences)
        return train(units, config.num_passes, partial(sum_over, over, scratch, [shard.index for shard in shards]))
    finally:
        scratch.remove_folder()


def num_runs(config: AlignmentConfig) -> int:
    """How often `train_on` goes over the shards: to cache them, from the first guess, the passes, and one more."""
    return sum(config.num_passes) + 3


def cached(
    items: Callable[[], Iterable[Item]], scratch: Location, read: Reader, config: AlignmentConfig, over: OverShards
) -> list[CachedShard]:
    """Shards of features in `scratch`, in their order, those left out of which nothing can be used."""
    plans = enumerate(training_shards(items, config))
    made: Iterable[CachedShard] = over(partial(cache_plan, scratch, read, config), plans)
    shards = sorted((shard for shard in made if shard.num_utterances), key=lambda shard: shard.index)
    if not shards:
        raise CorpusError(
            "the aligner finds no utterance to be trained on: expected recordings of "
            f"{config.shortest_s:g} to {config.longest_s:g} s with the text that is said in them. Check that texts "
            "belong to the recordings, or spread phones evenly with --set speech.alignment=uniform."
        )
    return shards


def cache_plan(scratch: Location, read: Reader, config: AlignmentConfig, shard: Shard) -> CachedShard:
    """What a worker does to cache a shard."""
    return cache_shard(scratch, *shard, read, config)


def sum_over(over: OverShards, scratch: Location, indices: Iterable[int], model: AcousticModel) -> Statistics:
    """What all shards say, given a model."""
    found: Iterable[Statistics] = over(partial(count_shard, scratch, model), indices)
    return reduce(add, found)


def count_shard(scratch: Location, model: AcousticModel, index: int) -> Statistics:
    """What a worker does in a pass."""
    return statistics_of(model, cached_utterances(scratch, index))
