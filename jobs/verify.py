"""`verify`: says what is wrong with a dataset, as it is found, and how to mend it; changes nothing.

It works in this process: starting a Ray to hash a few files would be rude. On a running Ray (`--address`) a worker
reads the dataset instead, which is next to its storage where this machine is not.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console

from jobs.cluster import Cluster
from jobs.progress import say
from pipeline.shards.dataset import open_dataset
from pipeline.shards.verify import Problem, verify_folder
from pipeline.storage import Location


def verify(dataset: Location, console: Console, cluster: Cluster | None = None) -> int:
    """Print every problem of a dataset and return how many there are; 0 comes with a line that says what is sound."""
    num_problems = 0
    for problem in verify_on_ray(dataset) if cluster else verify_folder(dataset):
        num_problems += 1
        show(problem, console)
    if num_problems:
        say(console, f"{dataset}: {num_problems} problem{'s' * (num_problems > 1)}")
    else:
        say(console, f"{dataset}: sound; {summary(dataset)}")
    return num_problems


def verify_on_ray(dataset: Location) -> Iterator[Problem]:
    """The same problems, found by a worker and streamed from it."""
    import ray

    from jobs.fan_out import TASK_RETRIES, fetch

    task: Any = ray.remote(num_cpus=1, max_retries=TASK_RETRIES, num_returns="streaming")(problems_of)
    references: Iterable[Any] = task.remote(dataset)
    for reference in references:
        yield fetch(reference)


def problems_of(dataset: Location) -> Iterator[Problem]:
    """What a worker does."""
    for problem in verify_folder(dataset):  # noqa: UP028  # Ray sends into its generators; `yield from` would pass it on
        yield problem


def show(problem: Problem, console: Console) -> None:
    """One problem: which file, what is wrong, what to do."""
    say(console, f"{problem.file}: {problem.what}", style="bold")
    say(console, f"    to mend: {problem.mend}")


def summary(dataset: Location) -> str:
    """What stands in a sound dataset."""
    info = open_dataset(dataset).info
    counts = f"{info.conventions.kind}, {info.num_rows:,} rows in {len(info.shards):,} shards"
    return f"{counts}, {info.num_failures:,} failed items on record"
