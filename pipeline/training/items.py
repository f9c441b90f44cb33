"""Items that a model draws while it is trained, beside the held-out ones whose conditions it is given.

A function of the weights, the seed and the held-out items alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.autoregressive import Autoregressive
from models.counter_random import item_keys
from models.sampling.cached import sample_cached
from pipeline.batches import Batch
from pipeline.shards.schema import AudioConventions
from pipeline.training.plan import RunPlan
from pipeline.training.supply import Supply

Levels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ShownItem:
    """Levels [T] or [C, H, W]: the item `item_id` itself, and what the model drew under its condition."""

    item_id: str
    original: Levels
    drawn: Levels


def draw_items(plan: RunPlan, model: Autoregressive, supply: Supply) -> list[ShownItem]:
    """As many as are asked for, or as there are held-out ones: the first of these, from their beginning."""
    slots = [slot for slot in supply.held_out if slot.window == 0][: plan.telling.num_items]
    if not slots:
        return []
    batch = beginning(plan, supply.held_out_feed.batch(slots))
    ids = supply.held_out_feed.item_ids(slots)
    device = next(model.parameters()).device
    condition = batch.condition.to(device) if batch.condition else None
    drawn = sample_cached(
        model, tuple(batch.x.shape[1:]), condition, item_keys((plan.training.seed, item_id) for item_id in ids)
    )
    return shown(ids, batch.x.numpy(), drawn.levels.cpu().numpy())


def beginning(plan: RunPlan, batch: Batch) -> Batch:
    """Of waveforms no more than is to be heard, in whole frames; pictures as they are."""
    if not isinstance(plan.conventions, AudioConventions):
        return batch
    hop = plan.conditioning.hop
    wanted = int(plan.telling.item_s * plan.conventions.sample_rate_hz)
    num_frames = max(1, min(wanted, batch.x.shape[1]) // hop)
    condition = batch.condition.frames(0, num_frames) if batch.condition else None
    return Batch(batch.x[:, : num_frames * hop], batch.scored[:, : num_frames * hop], condition)


def shown(ids: Sequence[str], originals: Any, drawn: Any) -> list[ShownItem]:
    """Item by item."""
    return [ShownItem(*item) for item in zip(ids, originals, drawn, strict=True)]
