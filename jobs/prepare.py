"""Corpus to dataset: one Ray task per shard, what is done already is passed over.

The corpus is walked twice, once to count its items and once to plan, so that plans stream and a share of failures means
something from the first shard on. Ray tasks are `prepare_one` and nothing else.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field

import ray
from rich.console import Console

from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.progress import ProgressView, progress, say
from pipeline.errors import PassingStorageError, TooManyFailures
from pipeline.items import Item
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.plan import Survey, num_shards, settings_of, shard_plans, survey
from pipeline.preparation.prepare import prepare_shard
from pipeline.shards.commit import Commit, done_commit, read_commit
from pipeline.shards.dataset import FAILURES_FILE, DatasetInfo, claim, finish, reopen, write_failures
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.storage import Location

Runner = Callable[[Iterable[ShardPlan[Item]]], Iterable[int]]
"""Runs plans in any order and yields the index of each shard once it is committed."""

SHARDS_IN_FLIGHT_PER_CPU = 2
"""One at work and one waiting, so that no worker idles and few plans stand in memory."""


def prepare(corpus: Location, out: Location, config: PrepareConfig, cluster: Cluster, console: Console) -> DatasetInfo:
    """Prepare a corpus on Ray. The same command again goes on where it stopped, and ends with the same bytes.

    Raises CorpusError, OccupiedError, StorageError, MissingExtra, and TooManyFailures with `failures.parquet` written.
    """
    return Preparation(out, config, survey(corpus, config), console).run(
        lambda found: on_ray(out, config, found.conventions, cluster)
    )


def on_ray(out: Location, config: PrepareConfig, conventions: Conventions, cluster: Cluster) -> Runner:
    """Plans over the cluster's workers."""
    task = ray.remote(num_cpus=1, max_retries=TASK_RETRIES, retry_exceptions=[PassingStorageError])(prepare_one)
    limit = SHARDS_IN_FLIGHT_PER_CPU * cluster.num_cpus
    return lambda plans: fan_out(plans, lambda plan: task.remote(out, plan, config, conventions), limit)


def prepare_one(out: Location, plan: ShardPlan[Item], config: PrepareConfig, conventions: Conventions) -> int:
    """What a worker does with a plan; the commit itself stays on storage."""
    return prepare_shard(out, plan, config, conventions).index


@dataclass
class Preparation:
    """One run: which shards stand, and how many items have failed so far."""

    out: Location
    config: PrepareConfig
    found: Survey
    console: Console
    num_failures: int = 0
    num_skipped: int = 0
    made: set[int] = field(default_factory=set)

    def run(self, runner_for: Callable[[Survey], Runner]) -> DatasetInfo:
        """Claim the folder, make what is not done, finish."""
        started = time.monotonic()
        claim(self.out, "prepare", self.settings(), {"corpus": str(self.found.corpus), "kind": self.found.layout.kind})
        with progress(self.console, "prepare", self.found.num_items) as view:
            for index in runner_for(self.found)(self.unmade(view)):
                self.note(index, view)
        info = finish(self.out, num_shards(self.found, self.config), self.found.conventions, self.lineage())
        say(self.console, self.summary(info, time.monotonic() - started))
        return info

    def settings(self) -> dict[str, object]:
        """What `plan.json` keeps for people to read."""
        return {"corpus": str(self.found.corpus), **settings_of(self.found, self.config)}

    def lineage(self) -> dict[str, object]:
        """Where the dataset comes from."""
        return {
            "made_by": "prepare",
            "corpus": str(self.found.corpus),
            "layout": self.found.layout.name,
            "config": asdict(self.config),
        }

    def unmade(self, view: ProgressView) -> Iterator[ShardPlan[Item]]:
        """Plans whose shard does not stand yet; the others are noted as they pass."""
        is_reopened = False
        for plan in shard_plans(self.found, self.config):
            if is_done(self.out, plan.index, plan.digest):
                self.num_skipped += 1
                self.note(plan.index, view)
                continue
            if not is_reopened:
                reopen(self.out)
                is_reopened = True
            yield plan

    def note(self, index: int, view: ProgressView) -> None:
        """Count a committed shard, and stop where too many items have failed."""
        self.made.add(index)
        commit = read_commit(self.out, index)
        if commit is None:
            return  # `finish` says that it is missing
        self.num_failures += len(commit.failures)
        view.advance(commit.num_rows + len(commit.failures), f"{self.num_failures} failed" if self.num_failures else "")
        if self.num_failures > self.most_failures():
            self.give_up(commit)

    def most_failures(self) -> float:
        """How many bad items this run may have; never all of them."""
        allowed = max(self.config.max_failure_share * self.found.num_items, self.config.failures_always_allowed)
        return min(allowed, self.found.num_items - 1)

    def give_up(self, last: Commit) -> None:
        """Leave the failures so far to be read, and say what they are."""
        made = (commit for index in sorted(self.made) if (commit := read_commit(self.out, index)))
        reopen(self.out)
        write_failures(self.out, made)
        one = last.failures[-1]
        raise TooManyFailures(
            f"{self.num_failures} of {self.found.num_items} items of {self.found.corpus} failed; max_failure_share "
            f"{self.config.max_failure_share:g} allows {math.floor(self.most_failures())}. One was {one.item_id} "
            f"({one.source}), at stage {one.stage}: {one.reason}. "
            f"All so far are rows of {self.out / FAILURES_FILE}. Mend the files, or allow more with "
            "--set max_failure_share=0.5 and run the same command again: finished shards are kept."
        )

    def summary(self, info: DatasetInfo, seconds: float) -> str:
        """What there is now, in a line or two."""
        splits = ", ".join(f"{count} {split}" for split, count in sorted(info.tally.num_rows.items()))
        skipped = f" ({self.num_skipped} stood already)" if self.num_skipped else ""
        lines = [
            f"{self.out}: {info.num_rows} rows ({splits}), {amount(info)}, shards: {len(info.shards)}{skipped}, "
            f"{seconds:.1f} s"
        ]
        if info.num_failures:
            lines.append(f"{info.num_failures} of {self.found.num_items} items failed: see {self.out / FAILURES_FILE}")
        return "\n".join(lines)


def amount(info: DatasetInfo) -> str:
    """How much a dataset holds, as people count it."""
    conventions = info.conventions
    if isinstance(conventions, AudioConventions):
        return f"{info.num_levels / conventions.sample_rate_hz / 60:.1f} minutes of {conventions.sample_rate_hz} Hz"
    return f"{conventions.height} x {conventions.width} x {conventions.channels} pixels"
