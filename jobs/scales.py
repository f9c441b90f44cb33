"""The scales of a multi-scale model as a task graph: a pool of actors for each, pictures go from pool to pool.

    plan ──▶ pool 0: the smallest pictures ──▶ pool 1: those of the next scale ──▶ ... ──▶ the last pool: the shard

Pools have actors by the work of their scales, at least one each, and all share the CPUs or GPUs of `num_actors`. While
the last pool draws one shard, those below draw for the next. A small picture that items of a shard share is drawn and
handed on once (`pipeline/generation/pictures_scales.py`). With one actor there are no pools: it draws all scales. Nor
are there any once an actor, of whichever scale, was found to disagree with the model (`jobs/quarantine.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import ray

from jobs.generation_work import Work
from jobs.quarantine import Makers
from jobs.sampler import Plan, SamplerActor, resources_of
from models import MODELS, build
from models.autoregressive import ImageModel
from models.sampling.scales import scales_of
from pipeline.model_folder import ModelInfo
from pipeline.plain_configs import from_plain
from pipeline.shards.schema import ImageConventions


class Pools:
    """The actors of the scales below the last, the smallest first; they help those who make shards."""

    def __init__(self, pools: Sequence[Sequence[Any]] = ()) -> None:
        self._pools, self._turns = list(pools), count()
        self._helped: dict[Any, Makers] = {}

    @property
    def actors(self) -> list[Any]:
        """All of them."""
        return [actor for pool in self._pools for actor in pool]

    def start(self, actor: Any, plan: Plan) -> Any:
        """Start a plan, each lower scale in its pool and the shard on the actor; an object reference."""
        turn, below = next(self._turns), list[Any]()
        for number, pool in enumerate(self._pools):
            below.append(pool[turn % len(pool)].draw_scale.remote(number, plan, *below[-1:]))
        reference = actor.generate.remote(plan, *below)
        self._helped[reference] = [(number, turn % len(pool)) for number, pool in enumerate(self._pools)]
        return reference

    def of(self, reference: Any) -> Makers:
        """Who draws the lower scales of what was started as this reference."""
        return self._helped.pop(reference)

    def give_up(self) -> None:
        """End them; who makes shards draws all scales from now on."""
        for actor in self.actors:
            ray.kill(actor)
        self._pools.clear()


@dataclass(frozen=True)
class Crew:
    """The actors of a run: those that make shards, and the pools of the scales below theirs."""

    actors: Sequence[Any]
    pools: Pools = field(default_factory=Pools)

    @property
    def everyone(self) -> list[Any]:
        """All actors."""
        return [*self.actors, *self.pools.actors]

    def end(self) -> None:
        """End all actors."""
        for actor in self.everyone:
            ray.kill(actor)


def crew_for(work: Work, num_actors: int, *, has_pools: bool = True) -> Crew:
    """Actors for a run, as many as share the CPUs or GPUs of `num_actors`."""
    *lower, last = sizes_for(work.info, num_actors) if has_pools else [num_actors]
    resources = shared(resources_of(work.config), num_actors / (sum(lower) + last))
    sampler = work.model, work.out, work.config
    actors = iter(lambda: SamplerActor.options(**resources).remote(*sampler), None)
    pools = [list(islice(actors, size)) for size in lower]
    return Crew(list(islice(actors, last)), Pools(pools))


def sizes_for(info: ModelInfo, num_actors: int) -> list[int]:
    """How many actors each scale has, the last one's last; one number where there are no pools."""
    return pool_sizes(shares_of_work(info), num_actors) if num_actors > 1 else [num_actors]


def shares_of_work(info: ModelInfo) -> list[float]:
    """Of a picture's work, what each scale has, the smallest first; one for a model of one scale, or of waveforms."""
    if info.name != "multiscale":
        return [1.0]
    assert isinstance(info.conventions, ImageConventions)
    model = build(info.name, from_plain(MODELS[info.name].config, info.config))
    assert isinstance(model, ImageModel)
    shape = info.conventions.channels, info.conventions.height, info.conventions.width
    flops = [scale.flops for scale in scales_of(model, shape)]
    return [own / sum(flops) for own in flops]


def pool_sizes(shares: Sequence[float], num_actors: int) -> list[int]:
    """How many actors each scale has: its share of them, and at least one."""
    return [max(1, round(share * num_actors)) for share in shares]


def shared(resources: Mapping[str, float], share: float) -> dict[str, float]:
    """What one actor takes where the same is shared by more of them; Ray counts in ten-thousandths."""
    return {name: int(value * share * 10_000) / 10_000 for name, value in resources.items()}
