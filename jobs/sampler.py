"""The actor of `generate`: it holds the model, draws one shard at a time, and says meanwhile how far it is."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import ray
import torch

from jobs.cluster import Cluster
from pipeline.errors import ConfigError, DisagreementError
from pipeline.generation.accept.duplicates import Redraw
from pipeline.generation.canary import Canary
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures_snapshots import Pictures
from pipeline.generation.plan import PlannedItem
from pipeline.generation.probe import Probe, levels_at_peak, probe
from pipeline.generation.scales_snapshots import draw_scale_kept, remove_scales
from pipeline.generation.shard import Drawing, draw_from_the_first, made_by_another, redraw_shard, thin_shard
from pipeline.model_folder import ExportedModel, load_model
from pipeline.shards.commit import Commit
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location

Plan = ShardPlan[PlannedItem]


class Sampler:
    """Holds the model; draws one shard at a time, and says meanwhile how far it is."""

    def __init__(self, model: Location, out: Location, config: GenerateConfig) -> None:
        self.folder, self.out, self.config = model, out, config
        self.num_levels, self.peak = 0, 0.0
        self.disagreement: DisagreementError | None = None
        self.drawing: Drawing | None = None

    def generate(self, plan: Plan, *below: Pictures) -> Commit:
        """One shard; `below` are pictures of the lower scales, where other actors drew them.

        It may stand already, where the actor that made it was lost before it could say so.
        """
        if commit := made_by_another(self.out, plan, with_help=bool(below)):
            return commit
        # Once a shard: others who use the machine may slow a probe down, and none makes it too fast.
        self.peak = max(self.peak, levels_at_peak(self.exported, self.config))
        drawing = Drawing(self.out, plan, self.exported, self.config, self.tell, self.canary, below)
        with self.at_work(drawing), self.scales_of(plan.name if below else ""):
            return draw_from_the_first(drawing)

    def draw_scale(self, number: int, plan: Plan, *below: Pictures) -> Pictures:
        """The pictures of a lower scale that a shard's are drawn around, given those of the scale below it."""
        with self.trusted(is_alone=not below), self.scales_of():
            under = below[-1] if below else {}
            return draw_scale_kept(self.out, number, plan, under, self.exported, self.config, self.canary)

    def redraw(self, redraw: Redraw) -> Commit | None:
        """A shard again, without its items that are nearly the same as others; None for one that is lost."""
        drawing = Drawing(self.out, redraw.plan, self.exported, self.config, self.tell, self.canary)
        with self.at_work(drawing):
            return redraw_shard(drawing, redraw.near) if redraw.draws else thin_shard(drawing, redraw.near)

    @contextlib.contextmanager
    def at_work(self, drawing: Drawing) -> Iterator[None]:
        """A shard is underway for the length of a block, and none once it has ended."""
        self.drawing = drawing
        try:
            with self.trusted(is_alone=not drawing.below):
                yield
        finally:
            self.num_levels, self.drawing = 0, None

    @contextlib.contextmanager
    def trusted(self, *, is_alone: bool) -> Iterator[None]:
        """Once this process, alone at work, was found to disagree with the model, it does nothing more.

        What waits for it is begun before the driver has heard of it.
        """
        if self.disagreement is not None:
            raise self.disagreement
        try:
            yield
        except DisagreementError as error:
            self.disagreement = error if is_alone else None
            raise

    @contextlib.contextmanager
    def scales_of(self, name: str = "") -> Iterator[None]:
        """What is kept of a shard's lower scales goes once it is committed, and of all where someone is wrong."""
        try:
            yield
        except DisagreementError:
            remove_scales(self.out)
            raise
        if name:
            remove_scales(self.out, name)

    def probe(self, plans: list[Plan], seconds: float, longest: int) -> Probe:
        """How fast these would be drawn here; nothing is written. ConfigError unless the longest item has room."""
        return probe(plans, self.exported, self.config, seconds, longest)

    @cached_property
    def exported(self) -> ExportedModel:
        """The model, loaded by the first plan: what is wrong with it would look like a crash in the constructor."""
        torch.set_num_threads(1)
        exported = load_model(self.folder)
        exported.model.to(self.config.device)
        return exported

    @cached_property
    def canary(self) -> Canary:
        """What compares this process with the model's definition."""
        return Canary(self.exported, self.config)

    def tell(self, num_levels: int) -> None:
        """Note how much of the shard is drawn."""
        self.num_levels = num_levels

    @ray.method(concurrency_group="watch")
    def levels_underway(self) -> int:
        """Levels drawn of the shard at hand; answered while it is being drawn."""
        return self.num_levels

    @ray.method(concurrency_group="watch")
    def levels_drawn_before(self) -> int:
        """How many of these an earlier run, or an actor that was lost, had drawn: no pace of this one's."""
        drawing = self.drawing  # the other thread may end it meanwhile
        return min(self.num_levels, drawing.went_on_from_levels) if drawing else 0

    @ray.method(concurrency_group="watch")
    def levels_at_peak(self) -> float:
        """What could be drawn here in a second if products were all there is to it; 0 before the model is loaded."""
        return self.peak


SHARD_RETRIES = 20
"""More than of other tasks: a long shard goes on from its snapshot, and where machines may be taken away at any time it
may well see several of them off."""

ACTOR_OPTIONS: Mapping[str, Any] = {
    "concurrency_groups": {"watch": 1},
    "max_restarts": 100,
    "max_task_retries": SHARD_RETRIES,
}
"""An actor that is lost is started again and its shard gone on with: neither loses anything, and Ray's defaults would.

A shard that takes its actor with it every time, for lack of memory most likely, ends the run after so many tries. An
actor may be lost to other causes far more often in a run of days, though not without end.
"""

SamplerActor: Any = ray.remote(**ACTOR_OPTIONS)(Sampler)


def resources_of(config: GenerateConfig) -> dict[str, float]:
    """What an actor takes of the cluster."""
    return {"num_gpus": config.gpus_per_actor} if config.device == "cuda" else {"num_cpus": 1}


def room_for(config: GenerateConfig, cluster: Cluster) -> int:
    """How many actors can be had; more would wait for ever, unless the cluster grows for them."""
    if config.device == "cuda" and not cluster.num_gpus and not config.autoscale:
        raise ConfigError(
            "device is cuda and this cluster has no GPU; leave it out, give another --address, or set autoscale=true "
            "where the cluster starts machines for what waits."
        )
    if config.autoscale:
        return config.num_actors
    places = cluster.num_gpus / config.gpus_per_actor if config.device == "cuda" else cluster.num_cpus
    return min(config.num_actors, math.floor(places))
