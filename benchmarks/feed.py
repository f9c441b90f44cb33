"""The whole feed of a training beside its step: shards read, windows cut, batches made, over more than an epoch.

    python -m benchmarks.feed [--rounds N] [--record]

Datasets of random levels on disk, read in the order of training with the recipe's own batches: what a training of
`wavenet-tts-small` (speaker, phones, linguistic features, F0) and one of `gated-pixelcnn-small` on pictures of
32 × 32 × 3 wait for where nothing is made ready ahead. No training may wait for its data: the feed is to give at least
20 times what a step takes.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness import Case, Contestant, main
from benchmarks.make_batches import CONVENTIONS, random_row
from jobs.recipes import load_recipe
from pipeline.batches import cut_for
from pipeline.shards.dataset import Dataset, claim, finish, open_dataset
from pipeline.shards.plan import cut
from pipeline.shards.schema import Conventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location
from pipeline.training.plan import RunPlan, make_plan
from pipeline.training.step import Learner, backward
from pipeline.training.supply import Supply

PICTURES = ImageConventions(32, 32, 3)
NUM_UTTERANCES, NUM_PICTURES, NUM_SHARDS = 96, 2048, 6


def utterance(number: int) -> dict[str, Any]:
    """One of 10 s, with all that a frame can be told."""
    row = random_row(np.random.default_rng(number), number)
    return {**row, "split": "train", "speaker": f"speaker-{number % 4}", "sample_rate_hz": CONVENTIONS.sample_rate_hz}


def picture(number: int) -> dict[str, Any]:
    """One of 32 × 32 × 3."""
    levels = np.random.default_rng(number).integers(0, 256, 32 * 32 * 3).astype(np.uint8)
    shape = {"height": 32, "width": 32, "channels": 3, "levels": levels.tobytes()}
    return {
        "item_id": f"picture-{number}",
        "split": "train",
        "label": f"{number % 10}",
        "levels": levels.tobytes(),
    } | shape


def write_dataset(place: Location, rows: Sequence[dict[str, Any]], conventions: Conventions) -> Dataset:
    """These rows as a finished dataset of a few shards."""
    claim(place, "prepare", {})
    plans = list(cut([row["item_id"] for row in rows], -(-len(rows) // NUM_SHARDS), {}))
    by_id = {row["item_id"]: row for row in rows}
    for plan in plans:
        write_shard(place, plan, [by_id[item_id] for item_id in plan.entries], [], conventions)
    finish(place, [plan.name for plan in plans], conventions, {"made_by": "prepare"})
    return open_dataset(place)


class Training:
    """A plan's supply and its learner, each going on from step to step."""

    def __init__(self, dataset: Dataset, plan: RunPlan) -> None:
        self.learner = Learner(plan.model_name, plan.model_config, plan.training, torch.device("cpu"))
        self.supply = Supply(plan, dataset, cut_for(self.learner.model, plan.training.window))
        self.fed = self.stepped = 0
        self.part = self.supply.part(0, 0, 1)

    def feed(self, num_steps: int) -> None:
        """The parts of the next steps."""
        for _ in range(num_steps):
            self.supply.part(self.fed, 0, 1)
            self.fed += 1

    def step(self) -> None:
        """Gradient and update on a part that is there already."""
        backward(self.learner.model, self.learner.model, self.part)
        self.learner.update(self.stepped)
        self.stepped += 1


def training_of(folder: Path, recipe: str, rows: Sequence[dict[str, Any]], conventions: Conventions) -> Training:
    """The recipe on a dataset of these rows."""
    dataset = write_dataset(Location(str(folder / recipe)), rows, conventions)
    chosen = load_recipe(recipe)
    return Training(dataset, make_plan(dataset, Location(str(folder / "out")), chosen.model, chosen.training))


def case(name: str, unit: str, training: Training, per_level: float) -> Case:
    """What the feed gives beside what the step takes; `per_level` of the unit make a level."""
    amount = training.part.num_levels * per_level
    num_steps = training.supply.order.steps_per_epoch + 1
    feed: Callable[[], None] = partial(training.feed, num_steps)
    return Case(
        name,
        unit,
        [
            Contestant("the feed, an epoch and a step", "ours", feed, amount * num_steps),
            Contestant("a training step", "peer", training.step, amount),
        ],
    )


def cases() -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        utterances, pictures = [utterance(n) for n in range(NUM_UTTERANCES)], [picture(n) for n in range(NUM_PICTURES)]
        audio = training_of(Path(folder), "wavenet-tts-small", utterances, CONVENTIONS)
        yield case("wavenet-tts-small", "timesteps", audio, 1.0)
        images = training_of(Path(folder), "gated-pixelcnn-small", pictures, PICTURES)
        yield case("gated-pixelcnn-small, 32 x 32 x 3", "pictures", images, 1 / (32 * 32 * 3))


if __name__ == "__main__":
    main("feed", cases)
