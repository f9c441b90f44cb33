"""What a generation run is to do: its requests checked, its shards counted. `generate` and `plan` begin with it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from jobs.progress import progress
from jobs.sampler import Plan
from pipeline.errors import RequestError
from pipeline.generation.advance import levels_of_a_picture
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures import PictureTarget, factors_of
from pipeline.generation.plan import ShardCount, digested, shard_plans
from pipeline.generation.reading import Totals, check_requests, read_requests
from pipeline.generation.target import Target
from pipeline.model_folder import ModelInfo, read_model_info
from pipeline.prosody.files import read_prosody
from pipeline.storage import Location, locate

MOST_SHARDS = 10**8
"""A run has a byte of memory for each."""


@dataclass(frozen=True)
class Work:
    """A generation run: what is drawn from what, where it goes and how; and the requests, once they are checked.

    longest: timesteps of the longest item; 0 for pictures.
    """

    model: Location
    out: Location
    requests: Location
    config: GenerateConfig
    info: ModelInfo
    totals: Totals
    num_shards: int
    longest: int = 0

    @property
    def target(self) -> Target:
        """What requests are held to."""
        return target_of(self.model, self.info, self.config, self.requests)

    def plans(self) -> Iterator[Plan]:
        """All shards, in the order of the requests."""
        picture_levels = levels_of_a_picture(self.info.conventions)
        return shard_plans(read_requests(self.requests, self.target), self.info.digest, self.config, picture_levels)

    @property
    def example_id(self) -> str:
        """The id of the first item."""
        return next(iter(self.plans())).entries[0].item_id

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the dataset: kept for people to read, and as its lineage."""
        shards = {"items_per_shard": self.config.items_per_shard, "levels_per_shard": self.config.levels_per_shard}
        return (
            digested(self.info.digest, self.config)
            | shards
            | {"model_uri": str(self.model), "requests_sha256": self.totals.sha256}
            | ({"prosody_sha256": self.info.prosody_sha256} if self.info.prosody_sha256 else {})
        )


def target_of(model: Location, info: ModelInfo, config: GenerateConfig, requests: Location) -> Target:
    """What requests to this model are held to; files that they name lie where theirs does, unless they say where.

    ModelError for prosody beside the model that is damaged.
    """
    pictures = PictureTarget(requests.uri.rpartition("/")[0], factors_of(info.name, info.config))
    prosody = read_prosody(model, info.prosody_sha256)
    return Target(info.conventions, info.conditioning, config.max_timesteps, info.condition_dropout, pictures, prosody)


def checked_work(model: Location, out: Location, requests: Location, config: GenerateConfig, console: Console) -> Work:
    """The run, every request of it checked before anything is drawn. RequestError, ModelError."""
    info = read_model_info(model)
    shards = ShardCount(config, levels_of_a_picture(info.conventions))
    with progress(console, "check requests") as view:
        totals = check_requests(requests, target_of(model, info, config, requests), view.update, shards.add)
    if shards.num_shards > MOST_SHARDS:
        raise RequestError(
            f"{requests} asks for {totals.num_items:,} items, which are {shards.num_shards:,} shards, and a run has "
            f"{MOST_SHARDS:,} at most. Ask for less, or raise items_per_shard and levels_per_shard."
        )
    return Work(model, out, requests, config, info, totals, shards.num_shards, shards.longest)


def with_places(config: GenerateConfig, base: str) -> GenerateConfig:
    """The config with what it names as places made absolute; relative ones start at `base`."""
    file, colon, name = config.accept.function.rpartition(":")
    function = f"{locate(file, base).uri}{colon}{name}" if file else ""
    dataset = config.accept.training_dataset
    training = locate(dataset, base).uri if dataset else ""
    return replace(config, accept=replace(config.accept, function=function, training_dataset=training))
