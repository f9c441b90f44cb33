"""Drawn items scored by the model's definition, teacher-forced: what their likelihood should be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from pipeline.batches import Batch, audio_batch, cut_for, cut_windows, image_batch
from pipeline.generation.drawing import lane_request
from pipeline.generation.pictures_scales import id_at, scales_at
from pipeline.generation.pictures_snapshots import DrawnPicture
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.schema import AudioConventions

WINDOW = 8192
"""Timesteps scored at once: a long item is never whole in memory."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scored:
    """What a path says of the nll of what it drew, and what the model's definition says of the same levels."""

    what: str
    path: str
    said_nats: float
    expected_nats: float
    num_levels: int


def scored_item(item: PlannedItem, row: Row, exported: ExportedModel) -> Scored:
    """An item by its row."""
    is_drawn = drawn_levels(item, exported.info)
    expected = teacher_forced_nats(row, is_drawn, exported)
    return Scored(
        f"item {row['item_id']!r}", row["sampling_path"], row["nll_nats"], expected, max(int(is_drawn.sum()), 1)
    )


def scored_picture(number: int, item: PlannedItem, picture: DrawnPicture, exported: ExportedModel) -> Scored:
    """The picture of a scale that an item is drawn around, with all scales below it."""
    scale, request = scales_at(exported)[number], lane_request(item, exported.info)
    levels = picture.item.levels[None]
    batch = Batch(levels, torch.ones(levels.shape, dtype=torch.bool), request.condition)
    is_drawn = batch.scored if request.kept is None else ~scale.part(request.kept.mask).cpu()
    expected, num_levels = float(level_nats(batch, scale.model)[is_drawn].sum()), max(int(is_drawn.sum()), 1)
    what = f"scale {number} of {id_at(item, number)!r}"
    return Scored(what, "+".join(picture.paths), picture.item.nll_nats, expected, num_levels)


def drawn_levels(item: PlannedItem, info: ModelInfo) -> Tensor:
    """Which levels of an item were drawn and not given, bool of its shape."""
    request = lane_request(item, info)
    everywhere = torch.ones(request.shape, dtype=torch.bool)
    return everywhere if request.kept is None else ~request.kept.mask[0].cpu()


def teacher_forced_nats(row: Row, is_drawn: Tensor, exported: ExportedModel) -> float:
    """The nll of an item's drawn levels by the model's own forward pass, given all that stand before each."""
    conventions, conditioning, model = exported.info.conventions, exported.info.conditioning, exported.model
    if not isinstance(conventions, AudioConventions):
        return float(level_nats(image_batch([row], conventions, conditioning), model)[0][is_drawn].sum())
    total = 0.0
    for window in cut_windows(row["num_timesteps"], cut_for(model, WINDOW)):
        batch = audio_batch([row], [window], conventions, conditioning)
        nats = level_nats(batch, model)[batch.scored]
        total += float(nats[is_drawn[window.start : window.stop]].sum())
    return total


def level_nats(batch: Batch, model: Autoregressive) -> Tensor:
    """The nll of every level of a batch, float64 on the CPU."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        condition = None if batch.condition is None else batch.condition.to(device)
        return model.nll_nats(batch.x.to(device), condition).double().cpu()
