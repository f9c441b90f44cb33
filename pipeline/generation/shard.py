"""One generated shard: lanes in lockstep, rows in the order of the requests, files where asked for, then the commit."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from models.counter_random import item_key
from models.sampling import DrawnItem, LaneRequest, rows_taken, sample_lanes
from pipeline.conditions import stack_conditions
from pipeline.errors import ModelError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.export import export_shard
from pipeline.generation.plan import PlannedItem
from pipeline.generation.speech import speech_columns
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.commit import Commit
from pipeline.shards.levels import pack_levels
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

SPLIT = "train"
"""Generated items are there to be trained on; held-out likelihood is measured on items that nobody made."""

OnLevels = Callable[[int], None]
"""Called now and then with the number of levels of the shard that are drawn."""


def generate_shard(
    folder: Location,
    plan: ShardPlan[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels = lambda num_levels: None,
) -> Commit:
    """Draw the plan's items and write them. ModelError for a model that gives no probabilities."""
    drawn = draw_items(plan.entries, exported, config, on_levels)
    path = sampling_path(config)
    rows = [row_of(item, result, exported.info, path) for item, result in zip(plan.entries, drawn, strict=True)]
    if config.export == "files":
        export_shard(folder, plan.index, rows, exported.info.conventions)
    return write_shard(folder, plan, rows, [], exported.info.conventions)


def sampling_path(config: GenerateConfig) -> str:
    """What an item's bytes are promised for: sampler, library, dtype, device or CPU level, lanes."""
    level = torch.backends.cpu.get_cpu_capability().lower().replace(" ", "")
    device = f"cpu-{level}" if config.device == "cpu" else f"cuda-{torch.cuda.get_device_name()}"
    return f"cached-torch-fp32-{device}-lanes{config.num_lanes}"


def draw_items(
    items: Sequence[PlannedItem], exported: ExportedModel, config: GenerateConfig, on_levels: OnLevels
) -> list[DrawnItem]:
    """Every item, in order. Items of like length share lanes, since the lockstep runs to the longest."""
    drawn: dict[int, DrawnItem] = {}
    done = 0
    for group in lane_groups(items, config.num_lanes):
        requests = [lane_request(items[place], exported.info) for place in group]
        lengths = [math.prod(request.shape) for request in requests]

        def report(position: int, before: int = done, lengths: list[int] = lengths) -> None:
            on_levels(before + sum(min(position, length) for length in lengths))

        try:
            results = sample_lanes(exported.model, requests, config.num_lanes, report)
        except ValueError as error:
            raise ModelError(f"{exported.folder}: cannot be drawn from: {error}. Train the model again.") from error
        drawn.update(zip(group, results, strict=True))
        done += sum(lengths)
    return [drawn[place] for place in range(len(items))]


def lane_groups(items: Sequence[PlannedItem], num_lanes: int) -> Iterator[list[int]]:
    """Places of the items, longest first, as many at a time as the lanes hold; a guided item takes two."""
    group: list[int] = []
    free = num_lanes
    for place in sorted(range(len(items)), key=lambda place: -items[place].num_timesteps):
        taken = rows_taken(items[place].departures)
        if taken > free:
            yield group
            group, free = [], num_lanes
        group.append(place)
        free -= taken
    if group:
        yield group


def lane_request(item: PlannedItem, info: ModelInfo) -> LaneRequest:
    """An item as the sampler takes it."""
    conditioning, frames = info.conditioning, []
    if conditioning.has_local:
        assert isinstance(info.conventions, AudioConventions)
        frames = [conditioning.frames(columns_of(item, info.conventions), info.conventions, item.item_id)]
    ids = conditioning.attribute_ids(item.attributes, item.item_id)
    condition = stack_conditions(conditioning, [ids], frames)
    return LaneRequest(shape_of(item, info), item_key(item.seed, item.item_id), condition, item.departures)


def shape_of(item: PlannedItem, info: ModelInfo) -> tuple[int, ...]:
    """(T,) for a waveform, (C, H, W) for a picture."""
    conventions = info.conventions
    if isinstance(conventions, ImageConventions):
        return conventions.channels, conventions.height, conventions.width
    return (item.num_timesteps,)


def row_of(item: PlannedItem, drawn: DrawnItem, info: ModelInfo, path: str) -> dict[str, Any]:
    """A row of the dataset."""
    levels, num_levels = drawn.levels.numpy(), info.conventions.num_levels
    return {
        **item.attributes,
        "item_id": item.item_id,
        "split": SPLIT,
        "seed": item.seed,
        "temperature": item.departures.temperature,
        "nll_nats": drawn.nll_nats,
        "model_digest": info.digest,
        "request": item.request,
        "sampling_path": path,
        **columns_of(item, info.conventions),
        "levels": pack_levels(levels if levels.ndim == 1 else levels.transpose(1, 2, 0), num_levels),
    }


def columns_of(item: PlannedItem, conventions: Conventions) -> dict[str, Any]:
    """What only waveforms have, or only pictures."""
    if isinstance(conventions, AudioConventions):
        text = {"text": item.text or None}
        return text | speech_columns(item.num_timesteps, item.phones, item.f0, conventions)
    return {"height": conventions.height, "width": conventions.width, "channels": conventions.channels}
