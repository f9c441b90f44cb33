"""Corpus to dataset: one Ray task per shard, what is done already is passed over.

The corpus is walked twice, once to count its items and once to plan, so that plans stream and a share of failures means
something from the first shard on. What a file is and whether a shard stands is asked by the workers: the driver holds
names, never items. Ray tasks are `prepare_one` and nothing else.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import ray
from rich.console import Console

from jobs.align import train_aligner
from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.leaks import tell_leaks
from jobs.progress import ProgressView, progress, say
from pipeline.errors import CorpusError, PassingStorageError, TooManyFailures
from pipeline.items import Item
from pipeline.preparation.advance import Advance
from pipeline.preparation.aligner import (
    HMM,
    aligner_file,
    drop_others,
    file_of,
    reader,
    training_config,
    wants_alignment,
    with_aligner,
    without_aligner,
)
from pipeline.preparation.bounded import bounded, guard_of_process
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.extras import require_extras
from pipeline.preparation.make import Made, make_shard
from pipeline.preparation.plan import Survey, settings_of, shard_plans, survey
from pipeline.shards.commit import Failure
from pipeline.shards.dataset import FAILURES_FILE, DatasetInfo, claim, commits, finish, reopen, write_failures
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.storage import Location

Runner = Callable[[Iterable[ShardPlan[Item]]], Iterable[Made]]
"""Runs plans in any order and yields what is to be known of each shard once it is committed."""

SHARDS_IN_FLIGHT_PER_CPU = 2
"""One at work and one waiting, so that no worker idles and few plans stand in memory."""


def prepare(corpus: Location, out: Location, config: PrepareConfig, cluster: Cluster, console: Console) -> DatasetInfo:
    """Prepare a corpus on Ray. The same command again goes on where it stopped, and ends with the same bytes.

    Raises CorpusError, OccupiedError, StorageError, MissingExtra, and TooManyFailures with `failures.parquet` written.
    """
    found = survey(corpus, config)
    if found.layout.kind == "audio":
        require_extras(config.speech, has_texts=found.has_texts)
    claim_for(found, out, config)
    found = aligned(out, found, config, cluster, console)
    return Preparation(out, config, found, console).run(on_ray(out, config, found.conventions, cluster))


def claim_for(found: Survey, out: Location, config: PrepareConfig) -> None:
    """Make the folder ours. `plan.json` keeps the settings for people to read."""
    settings = {"corpus": str(found.corpus), **settings_of(found, config)}
    claim(out, "prepare", settings, {"corpus": str(found.corpus), "kind": found.layout.kind})


def aligned(out: Location, found: Survey, config: PrepareConfig, cluster: Cluster, console: Console) -> Survey:
    """The survey with its aligner, trained now unless it is there; without one where nothing is to be aligned.

    A corpus that none can be trained on (a few long recordings, or broken ones) is prepared all the same.
    """
    if found.layout.kind != "audio":
        return found
    if config.speech.alignment != HMM or not found.has_texts:
        return replace(found, conventions=without_aligner(found.conventions))
    file, items = aligner_file(config), partial(texts_of, found, config)
    read = partial(bounded, config.limits, reader(config))
    try:
        model = train_aligner(items, out / file, read, training_config(config), cluster, console)
    except CorpusError as error:
        say(console, f"phones are spread evenly: {error}")
        return replace(found, conventions=without_aligner(found.conventions))
    return replace(found, conventions=with_aligner(found.conventions, file, model))


def texts_of(found: Survey, config: PrepareConfig) -> Iterator[Item]:
    """The items whose phones are to be aligned."""
    items = found.layout.items(found.corpus)
    return (item for item in items if wants_alignment(item, config.speech, found.labels_have_phones))


def on_ray(out: Location, config: PrepareConfig, conventions: Conventions, cluster: Cluster) -> Runner:
    """Plans over the cluster's workers."""

    def run(plans: Iterable[ShardPlan[Item]]) -> Iterator[Made]:
        task = ray.remote(num_cpus=1, max_retries=TASK_RETRIES, retry_exceptions=[PassingStorageError])(prepare_one)
        limit = SHARDS_IN_FLIGHT_PER_CPU * cluster.num_cpus
        return fan_out(plans, lambda plan: task.remote(out, plan, config, conventions), limit, hedge=True)

    return run


def prepare_one(out: Location, plan: ShardPlan[Item], config: PrepareConfig, conventions: Conventions) -> Made:
    """What a worker does with a plan, in a child process that it keeps for the next one."""
    return make_shard(out, plan, config, conventions, guard_of_process())


@dataclass
class Preparation:
    """One run: the shards in their order, and how many items have failed so far."""

    out: Location
    config: PrepareConfig
    found: Survey
    console: Console
    names: list[str] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)

    def run(self, runner: Runner) -> DatasetInfo:
        """Make what is not done, finish. The folder is claimed already."""
        advance = Advance(self.found.conventions, self.found.num_items)
        with progress(self.console, "prepare", self.found.num_items) as view:
            for made in runner(self.plans()):
                self.note(made, advance, view)
        drop_others(self.out, self.found.conventions)
        files = [file] if (file := file_of(self.found.conventions)) else []
        info = finish(self.out, self.names, self.found.conventions, self.lineage(), files)
        say(self.console, summary(self.out, info, advance))
        tell_leaks(self.out, info, self.console)
        return info

    def lineage(self) -> dict[str, object]:
        """Where the dataset comes from."""
        return {
            "made_by": "prepare",
            "corpus": str(self.found.corpus),
            "layout": self.found.layout.name,
            "config": asdict(self.config),
        }

    def plans(self) -> Iterator[ShardPlan[Item]]:
        """Every plan; its name is kept, which is all that is needed of it in the end."""
        for plan in shard_plans(self.found, self.config):
            self.names.append(plan.name)
            yield plan

    def note(self, made: Made, advance: Advance, view: ProgressView) -> None:
        """Count a committed shard, and stop where too many items have failed."""
        advance.add(made)
        view.advance(made.num_items, advance.told())
        if made.last_failure:
            self.failed.add(made.index)
            if advance.num_failures > self.most_failures():
                self.give_up(advance.num_failures, made.last_failure)

    def most_failures(self) -> float:
        """How many bad items this run may have; never all of them."""
        allowed = max(self.config.max_failure_share * self.found.num_items, self.config.failures_always_allowed)
        return min(allowed, self.found.num_items - 1)

    def give_up(self, num_failures: int, last: Failure) -> None:
        """Leave the failures so far to be read, and say what they are."""
        reopen(self.out)
        write_failures(self.out, commits(self.out, [self.names[index] for index in sorted(self.failed)]))
        raise TooManyFailures(
            f"{num_failures} of {self.found.num_items} items of {self.found.corpus} failed; max_failure_share "
            f"{self.config.max_failure_share:g} allows {math.floor(self.most_failures())}. One was {last.item_id} "
            f"({last.source}), at stage {last.stage}: {last.reason}. "
            f"All so far are rows of {self.out / FAILURES_FILE}. Mend the files, or allow more with "
            "--set max_failure_share=0.5 and run the same command again: finished shards are kept."
        )


def summary(out: Location, info: DatasetInfo, advance: Advance) -> str:
    """What there is now, in a few lines."""
    splits = ", ".join(f"{count} {split}" for split, count in sorted(info.tally.num_rows.items()))
    stood = f" ({advance.num_shards_stood} stood already)" if advance.num_shards_stood else ""
    lines = [
        f"{out}: {info.num_rows} rows ({splits}), {amount(info)}, shards: {len(info.shards)}{stood}, "
        f"{advance.elapsed_s:.1f} s"
    ]
    lines += [f"{count:,} x {what}" for what, count in info.notes.items()]
    if info.num_failures:
        lines.append(f"{info.num_failures} of {advance.num_items} items failed: see {out / FAILURES_FILE}")
    return "\n".join(lines)


def amount(info: DatasetInfo) -> str:
    """How much a dataset holds, as people count it."""
    conventions = info.conventions
    if isinstance(conventions, AudioConventions):
        return f"{info.num_levels / conventions.sample_rate_hz / 60:.1f} minutes of {conventions.sample_rate_hz} Hz"
    return f"{conventions.height} x {conventions.width} x {conventions.channels} pixels"
