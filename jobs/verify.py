"""`verify`: says what is wrong with a dataset, as it is found, and how to mend it; changes nothing.

It works in this process: starting a Ray to hash a few files would be rude. On a running Ray (`--address`) a worker
reads the dataset instead, which is next to its storage where this machine is not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console

from jobs.cluster import Cluster
from jobs.progress import say
from pipeline.shards.dataset import open_dataset
from pipeline.shards.verify import Problem, verify_folder
from pipeline.storage import Location


@dataclass(frozen=True)
class VerifyConfig:
    """How a dataset is verified; every byte of it always is.

    most_problems: problems that are printed; more are counted. A disk that is gone makes one of every shard.
    disjoint: what the splits may not share, any of speakers, texts and contents (rows of the very same levels).
    num_cpus: CPUs that the worker asks for where `--address` is given; no more than there are, and 0 starts it
        on a cluster that has none free.
    """

    most_problems: int = 100
    disjoint: tuple[Literal["speakers", "texts", "contents"], ...] = ()
    num_cpus: int = 1

    def __post_init__(self) -> None:
        if self.most_problems < 1:
            raise ValueError(f"most_problems: expected 1 or more, got {self.most_problems}")
        if self.num_cpus < 0:
            raise ValueError(f"num_cpus: expected 0 or more, got {self.num_cpus}")


def verify(
    dataset: Location, console: Console, cluster: Cluster | None = None, config: VerifyConfig | None = None
) -> int:
    """Print the problems of a dataset and return how many there are; 0 comes with a line that says what is sound."""
    config = config or VerifyConfig()
    num_problems = 0
    for problem in (
        verify_on_ray(dataset, config, min(config.num_cpus, cluster.num_cpus))
        if cluster
        else verify_folder(dataset, config.disjoint)
    ):
        num_problems += 1
        if num_problems <= config.most_problems:
            show(problem, console)
    if num_problems:
        more = f"; the first {config.most_problems} are shown" if num_problems > config.most_problems else ""
        say(console, f"{dataset}: {num_problems} problem{'s' * (num_problems > 1)}{more}")
    else:
        say(console, f"{dataset}: sound; {summary(dataset)}")
    return num_problems


def verify_on_ray(dataset: Location, config: VerifyConfig, num_cpus: int) -> Iterator[Problem]:
    """The same problems, found by a worker and streamed from it."""
    import ray

    from jobs.fan_out import TASK_RETRIES, fetch

    task: Any = ray.remote(num_cpus=num_cpus, max_retries=TASK_RETRIES, num_returns="streaming")(problems_of)
    references: Iterable[Any] = task.remote(dataset, config.disjoint)
    for reference in references:
        yield fetch(reference)


def problems_of(dataset: Location, disjoint: tuple[str, ...]) -> Iterator[Problem]:
    """What a worker does."""
    for problem in verify_folder(dataset, disjoint):  # noqa: UP028  # Ray sends into its generators; `yield from` would pass it on
        yield problem


def show(problem: Problem, console: Console) -> None:
    """One problem: which file, what is wrong, what to do."""
    say(console, f"{problem.file}: {problem.what}", style="bold")
    if problem.mend:
        say(console, f"    to mend: {problem.mend}")


def summary(dataset: Location) -> str:
    """What stands in a sound dataset."""
    info = open_dataset(dataset).info
    counts = f"{info.conventions.kind}, {info.num_rows:,} rows in {len(info.shards):,} shards"
    return f"{counts}, {info.num_failures:,} failed items on record"
