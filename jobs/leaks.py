"""What is said of splits that share texts or speakers, once a dataset is made."""

from rich.console import Console

from jobs.progress import say
from pipeline.shards.dataset import Dataset, DatasetInfo
from pipeline.shards.leaks import leaks
from pipeline.storage import Location

MOST_SHARDS_FOR_LEAKS = 1000
"""Some columns of each are read again, one after the other: seconds."""


def tell_leaks(out: Location, info: DatasetInfo, console: Console) -> None:
    """Say what splits share: no error, since many corpora are made so, and `verify` can be told to refuse it."""
    if len(info.tally.num_rows) < 2:
        return
    if len(info.shards) > MOST_SHARDS_FOR_LEAKS:
        say(console, f"whether splits share anything: ancestral verify {out} --set 'disjoint=[texts]'")
        return
    kinds = ["texts", *(["speakers"] if len(info.vocabulary("speaker")) > 1 else [])]
    for leak in leaks(Dataset(out, info), kinds):
        say(console, str(leak))
