"""`generate`: actors hold the model and pull shard plans until the requests are made into a dataset.

generate(model, out, requests, GenerateConfig(num_actors=2), cluster, console)
"""

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from rich.console import Console

from jobs.actor_pool import Again, fan_out_actors
from jobs.cluster import Cluster
from jobs.generation_run import Run
from jobs.generation_work import checked_work
from jobs.leaks import tell_leaks
from jobs.progress import ProgressView, progress, say
from jobs.quarantine import Quarantine
from jobs.sampler import Plan, room_for
from jobs.sampler_watch import watched
from jobs.scales import Crew, crew_for
from models.native import best, why_none
from pipeline.errors import Interrupted, TooManyFailures
from pipeline.generation.accept.duplicates import LOST, Redraw, Verdict
from pipeline.generation.advance import Advance, levels_of_a_picture
from pipeline.generation.config import GenerateConfig
from pipeline.generation.export import drop_exported
from pipeline.generation.plan import longest_first
from pipeline.generation.snapshots import drop_snapshots
from pipeline.generation.standing import refuse_to_lose, requests_before
from pipeline.shards.commit import Commit
from pipeline.shards.dataset import DatasetInfo, claim, finish, reopen
from pipeline.storage import Location


def generate(
    model: Location, out: Location, requests: Location, config: GenerateConfig, cluster: Cluster, console: Console
) -> DatasetInfo:
    """Draw every request into a dataset at `out`; shards that stand already are passed over.

    All requests are checked before anything is drawn. RequestError, ModelError, OccupiedError (another model's folder,
    or items that would be lost), ConfigError (no GPU where one is asked for), DisagreementError (no machine draws what
    the model says), Interrupted (Ctrl-C).
    """
    work = checked_work(model, out, requests, config, console)
    num_actors = min(room_for(config, cluster), work.num_shards)
    if not config.overwrite and requests_before(out) not in ("", work.totals.sha256):
        refuse_to_lose(out, work.plans())
    claim(out, "generate", work.settings, {"model digest": work.info.digest})
    if config.sampler == "fastest" and config.device == "cpu" and best() is None:
        say(console, why_none())
    run = Run(work, Advance(work.info.conventions, work.totals, config.price_per_hour), console)
    try:
        draw(run, num_actors)
        if config.accept.among_items:
            redraw_duplicates(run, num_actors)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {run.advance.num_items} of {work.totals.num_items} items stand in {out}. "
            "The same command goes on."
        ) from None
    return conclude(run)


def conclude(run: Run) -> DatasetInfo:
    """Make one dataset of all shards that stand, and say what it is."""
    work = run.work
    drop_exported(work.out, work.num_shards if work.config.export == "files" else 0)
    dataset = finish(work.out, run.standing, work.info.conventions, work.settings)
    if run.is_whole:
        drop_snapshots(work.out)
    say(run.console, f"{work.out}: {dataset.num_rows} items, {told(run)}")
    tell_leaks(work.out, dataset, run.console)
    if run.is_whole and dataset.num_rows < work.totals.num_items:
        tell_of_the_missing(run, dataset)
    return dataset


def told(run: Run) -> str:
    """What the run has done, and whether there is more to do."""
    before = (
        f"shards made again for near-duplicates: {run.num_redrawn}" if run.num_redrawn else "all of them stood already"
    )
    pace = run.advance.rates(is_over=True) if run.advance.num_shards else before
    if run.is_whole:
        return pace
    return f"{pace}; its limit was reached, of {run.work.totals.num_items} that are asked for. The same command goes on"


def tell_of_the_missing(run: Run, dataset: DatasetInfo) -> None:
    """Items for which no draw was accepted: expected where each is drawn once, an error where quotas are to be met."""
    asked, most = run.work.totals.num_items, run.work.config.accept.max_attempts
    missing = (
        f"{asked - dataset.num_rows} of {asked} items were not accepted ({run.work.out}/failures.parquet says why)"
    )
    if most == 1:
        say(run.console, missing)
        return
    raise TooManyFailures(
        f"{missing} in {most} attempts each. {run.work.out} is a valid dataset of the others. Widen accept, or raise "
        "accept.max_attempts."
    )


def draw(run: Run, num_actors: int) -> None:
    """Draw all that does not stand yet."""
    plans = longest_first(run.pending(), levels_of_a_picture(run.work.info.conventions))
    if not (first := list(islice(plans, 1))):
        return  # all is done: no actor is started for nothing
    crew = crew_for(run.work, num_actors)
    quarantine = Quarantine[Plan](was_compared, run.withdraw, run.tell_of_distrust)
    with at_work(crew, run) as view:
        for commit in fan_out_actors(
            Again(chain(first, plans), run.is_out_of_time),
            crew.actors,
            crew.pools.start,
            hedge=True,
            quarantine=quarantine,
            helpers=crew.pools,
        ):
            run.drawn(commit)
            view.update(round(run.advance.items(0), 1), run.advance.rates())
    deque(plans, maxlen=0)  # where there was no time for all: what stands further on is a part of the dataset too


def redraw_duplicates(run: Run, num_actors: int) -> None:
    """Draw again what is nearly the same as an item before it, until nothing is; or, once the limit is reached, leave
    it out.

    So it is also where the limit has ended the drawing: what stands is held against itself, and the same command goes
    on from there.
    """
    while near := run.verdicts():
        if run.is_out_of_time():
            leave_out(run, near, num_actors)
            return
        if num_owed := sum(verdict.num_owed for verdict in near.values() if verdict != LOST):
            say(run.console, f"{num_owed} near-duplicates are drawn again")
        redraws = Again(run.redraws(near, draw=True), run.is_out_of_time)
        remake(run, redraws, min(num_actors, len(near)))


def leave_out(run: Run, near: Mapping[str, Verdict], num_actors: int) -> None:
    """Take what is nearly the same as an item before it out of the shards that have it; nothing is drawn."""
    say(run.console, "The limit is reached: near-duplicates are left out and not drawn again")
    if crowded := {name: verdict for name, verdict in near.items() if not verdict.is_listed}:
        remake(run, run.redraws(crowded, draw=False), min(num_actors, len(crowded)))
    run.settle_for_less(near)


def remake(run: Run, redraws: Iterator[Redraw], num_actors: int) -> None:
    """Make shards again.

    None is started a second time where it is slow: a shard's bytes here depend on what stands, so that two at once
    could meet, one writing the shard while the other goes by the commit of before.
    """
    reopen(run.work.out)
    crew = crew_for(run.work, num_actors, has_pools=False)
    quarantine = Quarantine[Redraw](was_compared, run.withdraw_redrawn, run.tell_of_distrust)
    with at_work(crew, run):
        for commit in fan_out_actors(redraws, crew.actors, submit_redraw, quarantine=quarantine):
            run.redrawn(commit)


@contextlib.contextmanager
def at_work(crew: Crew, run: Run) -> Iterator[ProgressView]:
    """A view of what actors do, for the length of a block; they end with it, however it ends."""
    try:
        bar = progress(run.console, "generate", run.work.totals.num_items)
        with bar as view, watched(crew.everyone, run.advance, view):
            yield view
    finally:
        crew.end()


def was_compared(commit: Commit | None) -> bool:
    """Whether the actor that made a shard was compared with the model's definition on the way."""
    return commit is not None and bool(commit.run.get("num_compared"))


def submit_redraw(actor: Any, redraw: Redraw) -> Any:
    """Start making a shard again."""
    return actor.redraw.remote(redraw)
