"""`generate`: actors hold the model and pull shard plans until the requests are made into a dataset.

generate(model, out, requests, GenerateConfig(num_actors=2), cluster, console)
"""

from itertools import chain, islice
from typing import Any

from rich.console import Console

from jobs.actor_pool import Quarantine, fan_out_actors
from jobs.cluster import Cluster
from jobs.generation_run import Run
from jobs.generation_work import checked_work
from jobs.progress import progress, say
from jobs.sampler import Plan, room_for
from jobs.sampler_watch import watched
from jobs.scales import crew_for
from models.native import best, why_none
from pipeline.errors import Interrupted
from pipeline.generation.advance import Advance, levels_of_a_picture
from pipeline.generation.config import GenerateConfig
from pipeline.generation.export import drop_exported
from pipeline.generation.plan import longest_first
from pipeline.generation.snapshots import drop_snapshots
from pipeline.shards.commit import Commit
from pipeline.shards.dataset import DatasetInfo, claim, finish
from pipeline.shards.plan import numbered
from pipeline.storage import Location


def generate(
    model: Location, out: Location, requests: Location, config: GenerateConfig, cluster: Cluster, console: Console
) -> DatasetInfo:
    """Draw every request into a dataset at `out`; shards that stand already are passed over.

    All requests are checked before anything is drawn. RequestError, ModelError, OccupiedError, ConfigError (no GPU
    where one is asked for), DisagreementError (no machine draws what the model says), Interrupted (Ctrl-C).
    """
    work = checked_work(model, out, requests, config, console)
    num_actors = min(room_for(config, cluster), work.num_shards)
    claim(out, "generate", work.settings, {"model digest": work.info.digest})
    if config.sampler == "fastest" and config.device == "cpu" and best() is None:
        say(console, why_none())
    run = Run(work, Advance(work.info.conventions, work.totals, config.price_per_hour), console)
    try:
        draw(run, num_actors)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {run.advance.num_items} of {work.totals.num_items} items stand in {out}. "
            "The same command goes on."
        ) from None
    return conclude(run)


def conclude(run: Run) -> DatasetInfo:
    """Make one dataset of all shards that stand, and say what it is."""
    work, advance = run.work, run.advance
    drop_exported(work.out, work.num_shards if work.config.export == "files" else 0)
    names = [numbered(index) for index in range(work.num_shards) if run.is_done[index]]
    dataset = finish(work.out, names, work.info.conventions, work.settings)
    if len(names) == work.num_shards:
        drop_snapshots(work.out)
    pace = advance.rates() if advance.num_levels else "all of them stood already"
    if len(names) < work.num_shards:
        pace += f"; out of time, of {work.totals.num_items} that are asked for. The same command goes on"
    say(run.console, f"{work.out}: {dataset.num_rows} items, {pace}")
    return dataset


def draw(run: Run, num_actors: int) -> None:
    """Fan plans out over actors until none is left; the actors end with it, however it ends."""
    plans = longest_first(run.pending(), levels_of_a_picture(run.work.info.conventions))
    if not (first := list(islice(plans, 1))):
        return  # all is done: no actor is started for nothing
    crew = crew_for(run.work, num_actors)
    start = crew.start if crew.pools else submit
    quarantine = Quarantine[Plan](was_compared, run.distrust)
    left = run.in_time(chain(first, plans))
    try:
        bar = progress(run.console, "generate", run.work.totals.num_items)
        with bar as view, watched(crew.everyone, run.advance, view):
            for commit in fan_out_actors(left, crew.actors, start, hedge=True, quarantine=quarantine):
                run.drawn(commit)
                view.update(round(run.advance.items(0), 1), run.advance.rates())
    finally:
        crew.end()


def was_compared(commit: Commit) -> bool:
    """Whether the actor that made a shard was compared with the model's definition on the way."""
    return bool(commit.run.get("num_compared"))


def submit(actor: Any, plan: Plan) -> Any:
    """Start a plan on an actor."""
    return actor.generate.remote(plan)
