"""One generated shard: its items drawn, rows in the order of the requests, files where asked for, then the commit."""

from typing import Any

from models.sampling import DrawnItem
from pipeline.generation.columns import columns_of
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import OnLevels, draw_items
from pipeline.generation.export import export_shard
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.commit import Commit
from pipeline.shards.levels import pack_levels
from pipeline.shards.plan import ShardPlan
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

SPLIT = "train"
"""Generated items are there to be trained on; held-out likelihood is measured on items that nobody made."""


def generate_shard(
    folder: Location,
    plan: ShardPlan[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels = lambda num_levels: None,
) -> Commit:
    """Draw the plan's items and write them. ModelError for a model that gives no probabilities, ConfigError."""
    drawn = draw_items(plan.entries, exported, config, on_levels)
    rows = [row_of(item, *result, exported.info) for item, result in zip(plan.entries, drawn, strict=True)]
    if config.export == "files":
        export_shard(folder, plan.index, rows, exported.info.conventions)
    return write_shard(folder, plan, rows, [], exported.info.conventions)


def row_of(item: PlannedItem, drawn: DrawnItem, path: str, info: ModelInfo) -> dict[str, Any]:
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
