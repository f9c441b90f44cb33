"""`plan train`: the training's own first steps are taken in this process, in a folder that goes again."""

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from jobs.plan_page import Lines, process_memory, refuse_full_disk, show, size, time_and_cost
from jobs.progress import say
from jobs.recipes import Recipe
from models import build
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location, locate
from pipeline.training.config import TrainingConfig
from pipeline.training.loop import run
from pipeline.training.metrics import Measured
from pipeline.training.plan import RunPlan, make_plan

COPIES = 5
"""Of the weights in memory: themselves, their gradients, Adam's two means, and the average that is exported."""

WARM_UP_STEPS = 2
"""Memory is taken and code compiled in the first ones."""


def plan_train(
    dataset: Location, recipe: Recipe, limits: tuple[float, float], console: Console, out: Location | None = None
) -> float:
    """Print what a training would take; the time in seconds. `limits`: seconds to measure for, price of an hour.

    DatasetError, ConfigError as `train` raises them; StorageError where it is said where the model would go, and its
    checkpoints have no room there.
    """
    seconds, price_per_hour = limits
    torch.set_num_threads(1)
    opened = open_dataset(dataset)
    folder = Path(tempfile.mkdtemp(prefix="ancestral-plan-"))
    try:
        plan = make_plan(opened, locate(str(folder / "model")), recipe.model, told_of_each_step(recipe))
        watch = Watch(seconds)
        run(replace(plan, execution=recipe.execution), observer=watch)
    finally:
        shutil.rmtree(folder)
    steps = recipe.training.num_steps
    if out is not None:
        refuse_full_disk(out, bytes_of_checkpoints(recipe, num_weights(plan)))
    took_s = steps * watch.step_s / recipe.num_workers
    show(
        console, f"train on {dataset}", [*lines_of(opened, plan, recipe, watch), *time_and_cost(took_s, price_per_hour)]
    )
    if recipe.num_workers > 1:
        say(console, f"The time is that of {recipe.num_workers} workers which do not slow each other down.")
    return took_s


def told_of_each_step(recipe: Recipe) -> TrainingConfig:
    """The training, but one that tells of each step and measures nothing else."""
    return replace(recipe.training, log_every=1, validate_every=10**9, checkpoint_every=10**9, num_steps=10**9)


class Watch:
    """Times the steps, and asks to stop once there was time enough."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.first_at = self.last_at = 0.0
        self.first_step = self.last_step = 0
        self.last: Measured | None = None

    @property
    def step_s(self) -> float:
        """How long a step takes."""
        return (self.last_at - self.first_at) / max(self.last_step - self.first_step, 1)

    def measured(self, measured: Measured) -> None:
        """A line of metrics."""
        self.last = measured

    def note(self, text: str) -> None:
        """Nothing that a plan tells."""

    def stop_asked(self, step: int) -> bool:
        """Look at the clock; the first steps are not counted."""
        now = time.perf_counter()
        if step <= WARM_UP_STEPS:
            self.first_step, self.first_at = step, now
            return False
        self.last_step, self.last_at = step, now
        return now - self.first_at > self.seconds


def lines_of(dataset: Dataset, plan: RunPlan, recipe: Recipe, watch: Watch) -> Lines:
    """What is trained on what, how fast and in how much memory."""
    is_audio = isinstance(plan.conventions, AudioConventions)
    num_levels = dataset.info.tally.num_levels["train"]
    weights = num_weights(plan)
    lines = [("items", f"{dataset.info.tally.num_rows['train']:,}"), ("steps", f"{recipe.training.num_steps:,}")]
    lines += [
        ("weights", f"{weights:,}"),
        ("memory of weights and optimiser", size(COPIES * 4 * weights)),
        process_memory(),
    ]
    lines += [("a step", f"{watch.step_s * 1e3:,.1f} ms")]
    if watch.last is not None:
        unit = "timesteps" if is_audio else "levels"
        lines.append(("speed", f"{watch.last.levels_per_s:,.0f} {unit}/s, {watch.last.peak_share:.0%} of peak"))
        levels_per_step = watch.last.levels_per_s * watch.step_s
        lines.append(("epochs, about", f"{recipe.training.num_steps * levels_per_step / max(num_levels, 1):,.1f}"))
    lines += [("workers", f"{recipe.num_workers}"), ("bytes of the model", size(4 * weights))]
    return [*lines, ("bytes of checkpoints, at most", size(bytes_of_checkpoints(recipe, weights)))]


def bytes_of_checkpoints(recipe: Recipe, weights: int) -> int:
    """Those that are kept, the best one, and the one that is being written: weights, Adam's means, the average."""
    return (recipe.training.keep_checkpoints + 2) * (COPIES - 1) * 4 * weights


def num_weights(plan: RunPlan) -> int:
    """How many numbers are trained."""
    return build(plan.model_name, plan.model_config).num_parameters()
