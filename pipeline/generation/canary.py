"""The canary: what was drawn by a fast path is scored again by the model's definition, teacher-forced.

Every path adds up the likelihood of what it draws. If a kernel, a processor or a memory is broken, that sum is not the
one which the model gives for the same levels, and nothing that this process drew can be trusted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.sampling import DrawnItem
from pipeline.batches import Batch, audio_batch, cut_for, cut_windows, image_batch
from pipeline.errors import DisagreementError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import lane_request
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.shards.plan import evenly
from pipeline.shards.schema import AudioConventions

WINDOW = 8192
"""Timesteps scored at once: a long item is never whole in memory."""

TOLERANCE_NATS = {"float32": 1e-3, "bfloat16": 5e-2}
"""A level, in the mean over an item: what rounding leaves of it is far below, since it goes either way, and other
weights than the model's are far above (`tests/pipeline/generation/test_canary.py`)."""

Row = Mapping[str, Any]


class Canary:
    """Compares the first item that this process draws, and then one in `config.canary_one_in`, chosen by their ids."""

    def __init__(self, exported: ExportedModel, config: GenerateConfig) -> None:
        self.exported, self.config = exported, config
        self.is_first = True

    def compare(self, items: Sequence[PlannedItem], rows: Sequence[Row], drawn: Sequence[DrawnItem]) -> int:
        """How many of these were compared; DisagreementError for one that the model scores otherwise."""
        chosen = [place for place, row in enumerate(rows) if evenly(row["item_id"]) * self.config.canary_one_in < 1]
        if self.is_first and rows:
            chosen = sorted({min(range(len(rows)), key=lambda place: len(rows[place]["levels"])), *chosen})
        for place in chosen:
            self.compare_item(items[place], rows[place], drawn[place])
        self.is_first = False
        return len(chosen)

    def compare_item(self, item: PlannedItem, row: Row, drawn: DrawnItem) -> None:
        """A DisagreementError where path and model differ by more than rounding does."""
        is_drawn = drawn_levels(item, self.exported.info)
        expected, num_levels = teacher_forced_nats(row, is_drawn, self.exported), max(int(is_drawn.sum()), 1)
        if abs(drawn.nll_nats - expected) <= TOLERANCE_NATS[self.config.precision] * num_levels:
            return
        raise DisagreementError(
            f"item {row['item_id']!r}, drawn by {row['sampling_path']}, is said to have {drawn.nll_nats:.4f} nats, and "
            f"the model's definition gives {expected:.4f}: this machine or its kernel computes something else. What it "
            "drew is not used. Try --set sampler=torch, and see `ancestral doctor`."
        )


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
