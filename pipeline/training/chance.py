"""What a step leaves to chance: whose condition is dropped, and the masks of dropout.

Both are functions of (seed, step, the window's number in the global batch) and of nothing else. So they are the same
for every number of workers, whichever of them takes the window, and after a restart from any step.

Axes: B window.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from models.counter_random import item_key, philox4x32, uniforms
from pipeline.batches import Batch
from pipeline.training.config import TrainingConfig

CONDITION, DROPOUT = "training condition dropout", "training dropout"
"""What is drawn: each from numbers of its own."""


def left_to_chance(batch: Batch, config: TrainingConfig, step: int, numbers: Sequence[int]) -> Batch:
    """The batch with what chance decides for it; `numbers` are those of its windows in the global batch of the step."""
    batch = replace(batch, dropout_keys=dropout_keys(config.seed, step, numbers))
    if batch.condition is None or not config.condition_dropout:
        return batch
    dropped = dropped_conditions(config.seed, step, numbers, config.condition_dropout)
    return replace(batch, condition=replace(batch.condition, dropped=dropped))


def dropped_conditions(seed: int, step: int, numbers: Sequence[int], share: float) -> Tensor:
    """[B] bool: which windows are trained on without their condition, each with probability `share`."""
    places = (step << 32) + torch.tensor(numbers, dtype=torch.int64)
    keys = torch.tensor([item_key(seed, CONDITION)])
    return uniforms(keys, places, torch.zeros_like(places), 1)[0, :, 0] < share


def dropout_keys(seed: int, step: int, numbers: Sequence[int]) -> Tensor:
    """[B, 2] int64: a key for each window, as `models/layers/dropout.py` takes them."""
    numbered = torch.tensor(numbers, dtype=torch.int64)
    nothing = torch.zeros_like(numbered)
    first, second = (torch.tensor(word) for word in item_key(seed, DROPOUT))
    words = philox4x32((numbered, nothing + step, nothing, nothing), (first, second))
    return torch.stack(words[:2], 1)
