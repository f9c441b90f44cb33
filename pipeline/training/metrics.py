"""What a run tells of itself: one JSON object a line in `metrics.jsonl`, and the same to whoever watches.

step                  steps done
train_bits            bits per level (timestep, or pixel channel) over the steps since the line before
validation_bits       held-out bits per level with the averaged weights; only in lines where they were measured
learning_rate         of the last of those steps
seconds               of training since the run began, without the time it lay still
levels_per_s          scored levels a second, over all workers
gradient_norm         of the last of those steps, before it was clipped
waiting_share         of the time, spent waiting for batches; the mean over the workers
peak_share            of the floating-point operations that the workers could make, spent on those levels (`peak.py`)
"""

import json
from dataclasses import asdict, dataclass
from typing import Protocol

from pipeline.storage import Location

METRICS_FILE = "metrics.jsonl"
NOT_IN_LINES = ("num_steps", "best_bits")


@dataclass(frozen=True)
class Measured:
    """One line of metrics; `num_steps` is how many the run will take, `best_bits` the best held-out bits so far."""

    step: int
    num_steps: int
    train_bits: float
    learning_rate: float
    seconds: float
    levels_per_s: float
    gradient_norm: float = 0.0
    waiting_share: float = 0.0
    peak_share: float = 0.0
    validation_bits: float | None = None
    best_bits: float | None = None

    def to_line(self) -> str:
        """The line, without its end."""
        data = {key: value for key, value in asdict(self).items() if value is not None and key not in NOT_IN_LINES}
        return json.dumps(data)


class Observer(Protocol):
    """Who watches a run. Called by rank 0 alone."""

    def measured(self, measured: Measured) -> None:
        """A line of metrics."""

    def note(self, text: str) -> None:
        """Something to be told to a person."""

    def stop_asked(self, step: int) -> bool:
        """Whether the run should write a checkpoint and stop; asked after every step, so it has to be quick."""


class Silent:
    """Nobody watches."""

    def measured(self, measured: Measured) -> None:
        """Pass."""

    def note(self, text: str) -> None:
        """Pass."""

    def stop_asked(self, step: int) -> bool:
        """Never."""
        return False


class MetricsFile:
    """`metrics.jsonl`, written whole with every checkpoint, so that no line is of steps that a restart takes again."""

    def __init__(self, folder: Location, step: int) -> None:
        """Go on after `step`; lines of later steps are dropped, and those that cannot be read."""
        self.place = folder / METRICS_FILE
        data = self.place.read_bytes() if step and self.place.is_file() else b""
        steps = {line: step_of(line) for line in data.decode(errors="replace").splitlines()}
        self.is_damaged = None in steps.values()
        self._lines = [line for line, its_step in steps.items() if its_step is not None and its_step <= step]

    @property
    def is_empty(self) -> bool:
        """Whether it has no line yet."""
        return not self._lines

    def add(self, measured: Measured) -> None:
        """One more line."""
        self._lines.append(measured.to_line())

    def write(self) -> None:
        """Write the file."""
        self.place.write_text("".join(line + "\n" for line in self._lines))


def step_of(line: str) -> int | None:
    """The step of a line, None where it cannot be read."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return step if isinstance(step, int) else None
