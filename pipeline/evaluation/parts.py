"""A dataset with some of its shards alone: what a task is sent, however many others there are."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.shards.commit import Tally
from pipeline.shards.dataset import Dataset


def only(dataset: Dataset, shards: Sequence[int]) -> Dataset:
    """These shards, in this order; without tally and lineage."""
    entries = tuple(dataset.info.shards[index] for index in shards)
    return Dataset(dataset.folder, replace(dataset.info, shards=entries, tally=Tally(), lineage={}))
