"""Small runs: a tiny WaveNet on the tiny dataset, and an observer that remembers."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.config import TrainingConfig
from pipeline.training.metrics import Measured
from pipeline.training.plan import RunPlan, make_plan
from pipeline.training.telling import TellingConfig
from pipeline.training.world import Alone

WAVENET: dict[str, Any] = {
    "name": "wavenet",
    "residual_channels": 4,
    "gate_channels": 8,
    "skip_channels": 8,
    "head_channels": 8,
    "dilations": (1, 2, 4),
    "num_stacks": 1,
}

TRAINING = TrainingConfig(
    num_steps=8,
    batch_size=4,
    window=50,
    condition_on=("speaker", "phones"),
    condition_channels=4,
    shards_in_memory=2,
    learning_rate=5e-3,
    warm_up_steps=2,
    precision="float64",
    log_every=1,
    validate_every=4,
    validation_items=3,
    checkpoint_every=3,
)


def small_plan(dataset: Dataset, out: Path, **changes: Any) -> RunPlan:
    """The plan of a small run, of which no more is told than stands in `metrics.jsonl`."""
    plan = make_plan(dataset, Location(str(out)), WAVENET, replace(TRAINING, **changes))
    return replace(plan, telling=TellingConfig(sinks=()))


@dataclass
class Watcher:
    """Remembers what it is told, and asks to stop after `stop_after` steps."""

    stop_after: int = 10**9
    lines: list[Measured] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def measured(self, measured: Measured) -> None:
        self.lines.append(measured)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def stop_asked(self, step: int) -> bool:
        return step + 1 >= self.stop_after


class Played(Alone):
    """Worker `rank` of `size`, played by this process: it does what one worker does, and sums nothing."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__()
        self.rank, self.size = rank, size


def figures(out: Path) -> list[tuple[Any, ...]]:
    """The lines of metrics without what the clock says."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["train_bits"], line.get("validation_bits"), line["learning_rate"]) for line in lines]
