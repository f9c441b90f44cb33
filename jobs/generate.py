"""`generate`: actors hold the model and pull shard plans until the requests are made into a dataset.

generate(model, out, requests, GenerateConfig(num_actors=2), cluster, console)
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import ray
import torch
from ray.exceptions import RayError
from rich.console import Console

from jobs.actor_pool import fan_out_actors
from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES
from jobs.progress import ProgressView, progress, say
from models.native import best, why_none
from pipeline.errors import ConfigError, Interrupted
from pipeline.generation.advance import Advance
from pipeline.generation.config import GenerateConfig
from pipeline.generation.export import drop_exported
from pipeline.generation.plan import PlannedItem, digested, shard_plans
from pipeline.generation.reading import check_requests, read_requests
from pipeline.generation.requests import Target
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import ExportedModel, load_model, read_model_info
from pipeline.shards.commit import Commit, done_commit
from pipeline.shards.dataset import DatasetInfo, claim, finish, reopen
from pipeline.shards.plan import ShardPlan, numbered
from pipeline.storage import Location

Plan = ShardPlan[PlannedItem]

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the actors are asked how far they are."""


class Sampler:
    """Holds the model; draws one shard at a time, and says meanwhile how far it is."""

    def __init__(self, model: Location, out: Location, config: GenerateConfig) -> None:
        self.folder, self.out, self.config = model, out, config
        self.exported: ExportedModel | None = None
        self.num_levels = 0

    def generate(self, plan: Plan) -> Commit:
        """One shard. The model is loaded here: what is wrong with it would look like a crash in the constructor."""
        torch.set_num_threads(1)
        if self.exported is None:
            self.exported = load_model(self.folder)
            self.exported.model.to(self.config.device)
        try:
            return generate_shard(self.out, plan, self.exported, self.config, self.tell)
        finally:
            self.num_levels = 0

    def tell(self, num_levels: int) -> None:
        """Note how much of the shard is drawn."""
        self.num_levels = num_levels

    @ray.method(concurrency_group="watch")
    def levels_underway(self) -> int:
        """Levels drawn of the shard at hand; answered while it is being drawn."""
        return self.num_levels


ACTOR_OPTIONS: Mapping[str, Any] = {
    "concurrency_groups": {"watch": 1},
    "max_restarts": 100,
    "max_task_retries": TASK_RETRIES,
}
"""An actor that is lost is started again and its shard redone: neither loses anything, and Ray's defaults would.

A shard that takes its actor with it every time, for lack of memory most likely, ends the run after so many tries. An
actor may be lost to other causes far more often in a run of days, though not without end.
"""

SamplerActor: Any = ray.remote(**ACTOR_OPTIONS)(Sampler)


def generate(
    model: Location, out: Location, requests: Location, config: GenerateConfig, cluster: Cluster, console: Console
) -> DatasetInfo:
    """Draw every request into a dataset at `out`; shards that stand already are passed over.

    All requests are checked before anything is drawn. RequestError, ModelError, OccupiedError, ConfigError (no GPU
    where one is asked for), Interrupted (Ctrl-C).
    """
    info = read_model_info(model)
    target = Target(info.conventions, info.conditioning, config.max_timesteps, info.condition_dropout)
    with progress(console, "check requests") as view:
        totals = check_requests(requests, target, view.update)
    num_shards = -(-totals.num_items // config.items_per_shard)
    num_actors = min(config.num_actors, num_places(config, cluster), num_shards)
    settings = {**digested(info.digest, config), "items_per_shard": config.items_per_shard}
    lineage = {**settings, "model_uri": str(model), "requests_sha256": totals.sha256}
    claim(out, "generate", lineage, {"model digest": info.digest})
    if config.sampler == "fastest" and config.device == "cpu" and best() is None:
        say(console, why_none())
    advance = Advance(info.conventions, totals)
    plans = pending(shard_plans(read_requests(requests, target), info.digest, config), out, advance)
    try:
        draw(plans, num_actors, (model, out, config), advance, console)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {advance.num_items} of {totals.num_items} items stand in {out}. The same command goes on."
        ) from None
    drop_exported(out, num_shards if config.export == "files" else 0)
    dataset = finish(out, [numbered(index) for index in range(num_shards)], info.conventions, lineage)
    pace = advance.rates() if advance.num_levels else "all of them stood already"
    say(console, f"{out}: {dataset.num_rows} items, {pace}")
    return dataset


def num_places(config: GenerateConfig, cluster: Cluster) -> int:
    """How many actors the cluster has room for; more would wait for ever."""
    if config.device == "cpu":
        return cluster.num_cpus
    if not cluster.num_gpus:
        raise ConfigError("device is cuda and this cluster has no GPU; leave it out, or give another --address.")
    return cluster.num_gpus


def pending(plans: Iterator[Plan], out: Location, advance: Advance) -> Iterator[Plan]:
    """The plans whose shards do not stand yet; before the first of them the dataset is unfinished again."""
    is_open = False
    for plan in plans:
        if commit := done_commit(out, plan.name, plan.digest):
            advance.found(commit)
            continue
        if not is_open:
            reopen(out)
            is_open = True
        yield plan


def draw(
    plans: Iterator[Plan],
    num_actors: int,
    sampler: tuple[Location, Location, GenerateConfig],
    advance: Advance,
    console: Console,
) -> None:
    """Fan plans out over actors until none is left; the actors end with it, however it ends."""
    if not (first := list(islice(plans, 1))):
        return  # all is done: no actor is started for nothing
    resources = {"num_gpus": 1} if sampler[2].device == "cuda" else {"num_cpus": 1}
    actors = [SamplerActor.options(**resources).remote(*sampler) for _ in range(num_actors)]
    try:
        with progress(console, "generate", advance.totals.num_items) as view, watched(actors, advance, view):
            for commit in fan_out_actors(chain(first, plans), actors, submit):
                advance.drawn(commit)
                view.update(round(advance.items(0), 1), advance.rates())
    finally:
        for actor in actors:
            ray.kill(actor)


def submit(actor: Any, plan: Plan) -> Any:
    """Start a plan on an actor."""
    return actor.generate.remote(plan)


@contextlib.contextmanager
def watched(actors: Sequence[Any], advance: Advance, view: ProgressView) -> Iterator[None]:
    """Keep the view moving within long shards: a thread asks the actors how far they are."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            underway = levels_underway(actors)
            if not ended.is_set():
                view.update(round(advance.items(underway), 1), advance.rates(underway))

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2 * SECONDS_BETWEEN_LOOKS)


def levels_underway(actors: Sequence[Any]) -> int:
    """Levels drawn of the shards at hand; an actor that is starting or lost counts for nothing."""
    asked = [actor.levels_underway.remote() for actor in actors]
    with contextlib.suppress(RayError):
        answered, _ = ray.wait(asked, num_returns=len(asked), timeout=SECONDS_BETWEEN_LOOKS)
        return sum(ray.get(answered))
    return 0
