"""Requests to items to shards. An item's random stream is a function of its seed and its id, and of nothing else."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from heapq import heappop, heappush
from typing import Any

from models.sampling import Departures
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.function import function_source
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures import scale_ids, with_parents
from pipeline.generation.pictures_given import NOTHING_GIVEN, Given
from pipeline.generation.pitch import Contour
from pipeline.generation.prefixes import NO_PREFIX, Prefix
from pipeline.generation.requests import Request
from pipeline.generation.splits import split_of_each
from pipeline.generation.timing import Phones
from pipeline.shards.plan import ShardPlan, numbered_plans

LOOKS_AHEAD = 64
"""Plans among which the longest is sought: many times what a few actors have in hand at the end."""


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
    prefix: Prefix = NO_PREFIX


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
            prefix=request.prefix,
        )


def shard_plans(
    requests: Iterable[Request], model_digest: str, config: GenerateConfig, picture_levels: int = 0
) -> Iterator[ShardPlan[PlannedItem]]:
    """Consecutive items, shard by shard, as a stream; `picture_levels` is what a picture has.

    A plan's digest covers the items, the model and what may change a shard's bytes or its exported files; not the
    number of actors.
    """
    items = (item for request in requests for item in items_of(request))
    return numbered_plans(chunks(items, config, picture_levels), digested(model_digest, config))


def chunks(
    items: Iterable[PlannedItem], config: GenerateConfig, picture_levels: int
) -> Iterator[tuple[PlannedItem, ...]]:
    """What each shard holds."""
    chunk: list[PlannedItem] = []
    num_levels = 0
    for item in items:
        chunk.append(item)
        num_levels += item.num_timesteps or picture_levels
        if is_full(len(chunk), num_levels, config):
            yield tuple(chunk)
            chunk, num_levels = [], 0
    if chunk:
        yield tuple(chunk)


def is_full(num_items: int, num_levels: int, config: GenerateConfig) -> bool:
    """Whether a shard of so many items ends: it is long enough, and items that are alike would fill all lanes."""
    is_long = num_levels >= config.levels_per_shard and num_items % config.num_lanes == 0
    return is_long or num_items >= config.items_per_shard


class ShardCount:
    """How many shards requests make, without going through their items."""

    def __init__(self, config: GenerateConfig, picture_levels: int = 0) -> None:
        self._config, self._picture_levels = config, picture_levels
        self._num_full = self._num_items = self._num_levels = 0
        self.longest = 0
        """Timesteps of the longest item; 0 for pictures."""

    @property
    def num_shards(self) -> int:
        """Shards so far, the last one perhaps not full."""
        return self._num_full + bool(self._num_items)

    def add(self, request: Request) -> None:
        """The items of one more request."""
        each, left = request.num_timesteps or self._picture_levels, request.count
        self.longest = max(self.longest, request.num_timesteps)
        while left:
            taken = min(left, self._room(each))
            left -= taken
            self._num_items += taken
            self._num_levels += taken * each
            if is_full(self._num_items, self._num_levels, self._config):
                self._num_full += 1
                self._num_items = self._num_levels = 0
                full, left = divmod(left, self._room(each))  # those that follow are alike: no need to go through them
                self._num_full += full

    def _room(self, each: int) -> int:
        """How many items of so many levels each fill the shard at hand; at least one."""
        config = self._config
        missing = max(1, -(-(config.levels_per_shard - self._num_levels) // max(each, 1)))
        sets = -(-(self._num_items + missing) // config.num_lanes)
        return min(config.items_per_shard, sets * config.num_lanes) - self._num_items


def longest_first(
    plans: Iterable[ShardPlan[PlannedItem]], picture_levels: int, window: int = LOOKS_AHEAD
) -> Iterator[ShardPlan[PlannedItem]]:
    """The same plans, the longest of the next `window` each time: so what is left at the end is short, and actors end
    together. Plans of one length keep their order; the window alone is in memory.
    """
    ahead: list[tuple[int, int, ShardPlan[PlannedItem]]] = []
    for plan in plans:
        levels = sum(item.num_timesteps or picture_levels for item in plan.entries)
        heappush(ahead, (-levels, plan.index, plan))
        if len(ahead) == window:
            yield heappop(ahead)[2]
    while ahead:
        yield heappop(ahead)[2]


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
        **accepted(config.accept),
    }


def accepted(accept: AcceptConfig) -> dict[str, Any]:
    """What decides which items are accepted, with the content of the user's own function; nothing where all are."""
    if accept.is_open:
        return {}
    function = hashlib.sha256(function_source(accept.function)).hexdigest()
    settings = {field.name: written(getattr(accept, field.name)) for field in fields(accept)}
    return {"accept": {**settings, "function_sha256": function}}


def written(value: Any) -> Any:
    """A setting as JSON can have it: bounds may be infinite."""
    return [repr(bound) for bound in value] if isinstance(value, tuple) else value
