"""`plan prepare`: some items from all over the corpus are prepared, in this process, into a folder that goes again."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from jobs.cluster import Cluster
from jobs.plan_page import Lines, process_memory, refuse_full_disk, show, size, time_and_cost
from jobs.progress import say
from pipeline.generation.advance import duration
from pipeline.items import Item
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.extras import require_extras
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import Survey, shard_plans, survey
from pipeline.shards.commit import read_commit
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location, locate

ITEMS_AT_ONCE = 8
"""Prepared between two looks at the clock."""

GROUPS_TRIED = 64
"""As many places of the corpus are looked at, if time allows."""


def plan_prepare(
    corpus: Location,
    config: PrepareConfig,
    limits: tuple[float, float],
    cluster: Cluster,
    console: Console,
    out: Location | None = None,
) -> float:
    """Print what a preparation would take; the time in seconds. `limits`: seconds to measure for, price of an hour.

    StorageError where it is said where the dataset would go, and it has no room there.
    """
    seconds, price_per_hour = limits
    found = survey(corpus, config)
    if found.layout.kind == "audio":
        require_extras(config.speech, has_texts=False)
    unaligned = replace(config, speech=replace(config.speech, alignment="uniform"))
    folder = Path(tempfile.mkdtemp(prefix="ancestral-plan-"))
    try:
        measured, warming = Measured(), Measured()
        for number, plan in enumerate(groups(found, unaligned)):
            which = measured if number else warming  # the first few load what all others use
            which.add(locate(str(folder / f"{number}")), plan, unaligned, found)
            if measured.seconds > seconds:
                break
    finally:
        shutil.rmtree(folder)
    measured = measured if measured.num_items else warming
    took_s = measured.seconds / measured.num_items * found.num_items / cluster.num_cpus
    if out is not None:
        refuse_full_disk(out, measured.num_bytes / measured.num_items * found.num_items)
    show(
        console,
        f"prepare {corpus}",
        [*lines_of(found, config, measured, cluster), *time_and_cost(took_s, price_per_hour)],
    )
    if config.speech.alignment != "uniform" and found.has_texts:
        say(console, "Texts are to be aligned: the aligner's training comes on top, some passes over all recordings.")
    return took_s


class Measured:
    """What preparing some items took."""

    def __init__(self) -> None:
        self.num_items = self.num_levels = self.num_bytes = self.num_failures = 0
        self.seconds = 0.0

    def add(self, folder: Location, plan: ShardPlan[Item], config: PrepareConfig, found: Survey) -> None:
        """Prepare a few more."""
        begun = time.perf_counter()
        made = make_shard(folder, plan, config, found.conventions)
        self.seconds += time.perf_counter() - begun
        commit = read_commit(folder, made.name)
        self.num_bytes += commit.num_bytes if commit else 0
        self.num_items += made.num_items
        self.num_levels += made.num_levels
        self.num_failures += made.num_failures


def groups(found: Survey, config: PrepareConfig) -> Iterator[ShardPlan[Item]]:
    """A few items at a time, from places spread evenly over the corpus."""
    stride = max(ITEMS_AT_ONCE, found.num_items // GROUPS_TRIED)
    for plan in shard_plans(found, config):
        for start in range(0, len(plan.entries), stride):
            yield replace(plan, entries=plan.entries[start : start + ITEMS_AT_ONCE])


def lines_of(found: Survey, config: PrepareConfig, measured: Measured, cluster: Cluster) -> Lines:
    """What the corpus holds, as far as the items that were prepared tell."""
    whole = found.num_items / measured.num_items
    lines = [
        ("layout", found.layout.name),
        ("items", f"{found.num_items:,}"),
        ("prepared for this", f"{measured.num_items:,}"),
    ]
    if isinstance(found.conventions, AudioConventions):
        lines.append(("audio, about", duration(measured.num_levels * whole / found.conventions.sample_rate_hz)))
    if measured.num_failures:
        lines.append(("of these failed", f"{measured.num_failures:,}"))
    lines.append(("shards", f"{sum(1 for _ in shard_plans(found, config)):,}"))
    lines.append(("workers", f"{cluster.num_cpus}"))
    lines.append(process_memory())
    lines.append(("speed of each", f"{measured.num_items / measured.seconds:,.1f} items/s"))
    return [*lines, ("bytes out, about", size(measured.num_bytes * whole))]
