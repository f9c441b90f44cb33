"""What stops a run before its last step: numbers that are none, and held-out bits that get no better."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from torch import Tensor
from torch.distributed.tensor import DTensor

from pipeline.errors import ConfigError
from pipeline.storage import Location
from pipeline.training.checkpoint import FOLDER, Position, page_name, steps_in
from pipeline.training.config import TrainingConfig

DIVERGED_FILE = "diverged.json"
NUM_ITEMS_SHOWN = 8


@dataclass(frozen=True)
class Divergence:
    """A step whose loss or gradient is no finite number, or held-out bits after so many steps that are none.

    `item_ids` and `windows`, from the level that each starts at to the one that it stops before, are those that were
    scored: of the whole global batch. The norm is not known (nan) where there was no gradient to take.
    """

    step: int
    seed: int
    loss_nats: float
    gradient_norm: float
    learning_rate: float
    item_ids: Sequence[str]
    windows: Sequence[tuple[int, int]]


def explain_divergence(run_folder: Location, divergence: Divergence) -> ConfigError:
    """The error that ends the run; the weights are still those before the step, and a checkpoint of them may be kept.

    Rank 0 writes all that is known to `run/diverged.json`.
    """
    ids = divergence.item_ids
    more = len(ids) - NUM_ITEMS_SHOWN
    shown = ", ".join(ids[:NUM_ITEMS_SHOWN]) + (f", and {more} more" if more > 0 else "")
    return ConfigError(
        f"training diverged at step {divergence.step}: the loss or its gradient is no finite number. Items that were "
        f"scored: {shown} (all of them are in {run_folder / DIVERGED_FILE}). {kept(run_folder, divergence.step)} "
        "Lower training.learning_rate or training.clip_gradient_norm and train into another folder; if it happens at "
        "once, it may be one of these items. `ancestral report` draws the curves up to here."
    )


def explain_lost_weights(run_folder: Location, step: int) -> ConfigError:
    """The error that stands in the way of a model whose weights are no numbers after its last step.

    No loss is taken of them any more where there are no held-out rows, so nothing before has noticed.
    """
    return ConfigError(
        f"training diverged: weights after its last step, {step}, are no finite numbers, and no model is written. "
        f"{kept(run_folder, step)} Lower training.learning_rate or training.clip_gradient_norm and train into "
        "another folder."
    )


def kept(run_folder: Location, diverged: int) -> str:
    """Which checkpoint is the last good one, in a sentence."""
    step = last_good_step(run_folder, diverged)
    page = run_folder / FOLDER / page_name(step)
    return f"The last good checkpoint is {page}." if step else "There is no good checkpoint yet."


def are_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every number is one, of what this worker holds of each tensor."""
    held = (tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors)
    return all(bool(part.isfinite().all()) for part in held)


def write_divergence(run_folder: Location, divergence: Divergence) -> None:
    """`run/diverged.json`; numbers that are none are words there, since JSON has no such numbers."""
    page = {key: value if not isinstance(value, float) else plain(value) for key, value in asdict(divergence).items()}
    page |= {"last_good_checkpoint": last_good_step(run_folder, divergence.step)}
    (run_folder / DIVERGED_FILE).write_text(json.dumps(page, indent=1) + "\n")


def last_good_step(run_folder: Location, diverged: int) -> int:
    """The last checkpoint before the step that diverged, 0 where there is none: its weights gave a loss once.

    One at that very step has just the weights whose loss is none.
    """
    return max((step for step in steps_in(run_folder / FOLDER) if step < diverged), default=0)


def plain(number: float) -> float | str:
    """A number, or the word for what is none."""
    return number if abs(number) < float("inf") else str(number)


def is_stale(config: TrainingConfig, position: Position) -> bool:
    """Whether held-out bits have not become better for as many validations as the config waits."""
    if not config.early_stop_validations or position.best is None:
        return False
    return (position.step - position.best.step) // config.validate_every >= config.early_stop_validations
