"""One generated shard: its items drawn, rows in the order of the requests, files where asked for, then the commit."""

import math
import time
from collections.abc import Sequence
from typing import Any

from models.sampling import DrawnItem
from pipeline.code_digest import code_digest
from pipeline.errors import DisagreementError
from pipeline.generation.canary import Canary
from pipeline.generation.columns import columns_of
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import num_levels_drawn
from pipeline.generation.export import export_shard
from pipeline.generation.parts import NOT_KEPT, Keep, OnLevels
from pipeline.generation.pictures_scales import Pictures, draw_any
from pipeline.generation.plan import PlannedItem
from pipeline.generation.snapshots import snapshots_of
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.commit import Commit
from pipeline.shards.levels import pack_levels
from pipeline.shards.plan import ShardPlan, digest_of
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

BITS = {"audio": "bits_per_timestep", "image": "bits_per_dim"}


def generate_shard(
    folder: Location,
    plan: ShardPlan[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels = lambda num_levels: None,
    canary: Canary | None = None,
    below: Sequence[Pictures] = (),
) -> Commit:
    """Draw the plan's items and write them. ModelError for a model that gives no probabilities, ConfigError.

    `below` are pictures of the lower scales, where others have drawn them. With a canary some items are compared with
    the model's definition first: DisagreementError, and nothing is written.
    """
    started = time.monotonic()
    snapshots = snapshots_of(folder, plan, exported.info, config)
    rows, drawn = make_rows(plan.entries, exported, config, on_levels, below, snapshots)
    try:
        compared = canary.compare(plan.entries, rows, drawn) if canary else 0
    except DisagreementError:
        snapshots.remove()  # no one is to go on from what is not trusted
        raise
    if config.export == "files":
        export_shard(folder, plan.index, rows, exported.info.conventions)
    run = {"drawn_in_s": round(time.monotonic() - started, 3), "num_compared": compared}
    commit = write_shard(folder, plan, rows, [], exported.info.conventions, run=run | snapshots.run)
    snapshots.remove()
    return commit


def make_rows(
    items: Sequence[PlannedItem],
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels,
    below: Sequence[Pictures] = (),
    keep: Keep = NOT_KEPT,
) -> tuple[list[dict[str, Any]], list[DrawnItem]]:
    """Items drawn, as rows of the dataset and as they came."""
    drawn = draw_any(items, exported, config, on_levels, below, keep)
    made_by = provenance(exported.info, config)
    rows = [row_of(item, *result, exported.info) | made_by for item, result in zip(items, drawn, strict=True)]
    return rows, [item for item, _ in drawn]


def provenance(info: ModelInfo, config: GenerateConfig) -> dict[str, str]:
    """What all rows of a run say of the model, the code and the settings that made them.

    Lanes are not among these: where they may change an item's bytes its sampling path names them.
    """
    settings = {"sampler": config.sampler, "precision": config.precision, "device": config.device}
    return {"model_digest": info.digest, "code_digest": code_digest(), "config_digest": digest_of(settings)}


def row_of(item: PlannedItem, drawn: DrawnItem, path: str, info: ModelInfo) -> dict[str, Any]:
    """A row of the dataset."""
    levels, num_levels = drawn.levels.numpy(), info.conventions.num_levels
    return {
        **item.attributes,
        "item_id": item.item_id,
        "split": item.split,
        "seed": item.seed,
        "temperature": item.departures.temperature,
        "nll_nats": drawn.nll_nats,
        BITS[info.conventions.kind]: drawn.nll_nats / (math.log(2) * num_levels_drawn(item, info)),
        "request": item.request,
        "sampling_path": path,
        **columns_of(item, info.conventions),
        "levels": pack_levels(levels if levels.ndim == 1 else levels.transpose(1, 2, 0), num_levels),
    }
