"""Requests to items to shards. An item's random stream is a function of its seed and its id, and of nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.sampling import Departures
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures import scale_ids, with_parents
from pipeline.generation.pictures_given import NOTHING_GIVEN, Given
from pipeline.generation.pitch import Contour
from pipeline.generation.requests import Request
from pipeline.generation.splits import split_of_each
from pipeline.generation.timing import Phones
from pipeline.shards.plan import ShardPlan, cut


@dataclass(frozen=True)
class PlannedItem:
    """One item to draw; `request` is its line of the requests file. `parents` as `pictures.scale_ids` has them."""

    item_id: str
    split: str
    seed: int
    departures: Departures
    attributes: Mapping[str, str]
    num_timesteps: int
    phones: Phones
    f0: Contour
    text: str
    request: str
    given: Given = NOTHING_GIVEN
    parents: tuple[str, ...] = ()


def items_of(request: Request) -> Iterator[PlannedItem]:
    """The items of a request: its id and a running number name them."""
    for number, split in enumerate(split_of_each(request.splits)):
        parents = scale_ids(request.request_id, number, request.picture.children)
        yield PlannedItem(
            item_id=f"{request.request_id}-{number:04d}",
            split=split,
            seed=request.seed,
            departures=request.departures,
            attributes=request.attributes,
            num_timesteps=request.num_timesteps,
            phones=request.phones,
            f0=request.f0,
            text=request.text,
            request=with_parents(request.source, parents),
            given=request.picture.given,
            parents=parents,
        )


def shard_plans(
    requests: Iterable[Request], model_digest: str, config: GenerateConfig
) -> Iterator[ShardPlan[PlannedItem]]:
    """Consecutive items, shard by shard, as a stream.

    A plan's digest covers the items, the model and what may change a shard's bytes or its exported files; not the
    number of actors.
    """
    items = (item for request in requests for item in items_of(request))
    return cut(items, config.items_per_shard, digested(model_digest, config))


def digested(model_digest: str, config: GenerateConfig) -> dict[str, Any]:
    """The settings that a shard depends on."""
    return {
        "made_by": "generate",
        "model": model_digest,
        "num_lanes": config.num_lanes,
        "device": config.device,
        "sampler": config.sampler,
        "precision": config.precision,
        "export": config.export,
    }
