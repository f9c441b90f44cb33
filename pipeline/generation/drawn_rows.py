"""Drawn items as rows of the dataset, each with all that it needs to be known by and made again."""

import math
from collections.abc import Sequence
from typing import Any

from models.sampling import DrawnItem
from pipeline.code_digest import code_digest
from pipeline.generation.columns import BITS, columns_of
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import num_levels_drawn
from pipeline.generation.parts import NOT_KEPT, Keep, OnLevels
from pipeline.generation.pictures_scales import draw_any
from pipeline.generation.pictures_snapshots import Pictures
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.levels import pack_levels
from pipeline.shards.plan import digest_of


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
