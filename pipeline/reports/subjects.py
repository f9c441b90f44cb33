"""What a report is about: datasets, trained models, evaluations, timings, in any mix."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ConfigError
from pipeline.model_folder import ModelInfo
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location

EVALUATION_FORMAT = "ancestral-evaluation"
TIMINGS_FORMAT = "ancestral-timings"

EVALUATION_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "dataset": str,
    "split": str,
    "unit": str,
    "bits": (int, float),
    "uniform_bits": (int, float),
    "marginal_bits": (int, float, type(None)),
    "num_items": int,
}

UNITS = {"bits_per_timestep": "bits per timestep", "bits_per_dim": "bits per dimension"}


@dataclass(frozen=True)
class DatasetSubject:
    """A finished dataset under the name that the page shows."""

    name: str
    dataset: Dataset

    @property
    def is_generated(self) -> bool:
        """Whether a model drew it."""
        return self.dataset.info.lineage.get("made_by") == "generate"


@dataclass(frozen=True)
class ModelSubject:
    """A trained model and the lines of its `metrics.jsonl` (none where the file is missing)."""

    name: str
    info: ModelInfo
    metrics: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class RunSubject:
    """A training that has not come to its end: its settings, and the lines of its `metrics.jsonl` so far.

    `diverged` is its `run/diverged.json`, empty where there is none.
    """

    name: str
    settings: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]] = ()
    diverged: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationSubject:
    """One evaluation page, its fields checked."""

    name: str
    page: Mapping[str, Any]


@dataclass(frozen=True)
class Subjects:
    """Everything that one report is about. `timings` are stages and their seconds, in order."""

    datasets: tuple[DatasetSubject, ...] = ()
    models: tuple[ModelSubject, ...] = ()
    evaluations: tuple[EvaluationSubject, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    runs: tuple[RunSubject, ...] = ()


def read_json_object(place: Location) -> dict[str, Any]:
    """A file that holds a JSON object."""
    try:
        data = json.loads(place.read_text())
    except ValueError as error:
        raise ConfigError(f"{place}: expected JSON, got something else ({error}).") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{place}: expected a JSON object, got a {type(data).__name__}.")
    return data


def check_evaluation(page: Mapping[str, Any], where: str) -> None:
    """A ConfigError unless the page has every field that a report shows."""
    for name, kind in EVALUATION_FIELDS.items():
        if name not in page or not isinstance(page[name], kind) or isinstance(page[name], bool):
            raise ConfigError(
                f"{where}: {name} is {page.get(name)!r}, no figure of an evaluation; run `ancestral evaluate` again."
            )


def read_timings(page: Mapping[str, Any], where: str) -> dict[str, float]:
    """Stage → seconds."""
    seconds = page.get("seconds")
    if not isinstance(seconds, dict) or not all(isinstance(value, int | float) for value in seconds.values()):
        raise ConfigError(f"{where}: expected seconds to map stages to numbers, got {seconds!r}.")
    return {str(stage): float(value) for stage, value in seconds.items()}


def read_metrics(place: Location) -> tuple[Mapping[str, Any], ...]:
    """The lines of `metrics.jsonl` that say a step; a line that a killed run left half-written is passed over."""
    if not place.is_file():
        return ()
    lines = []
    for line in place.read_bytes().decode(errors="replace").splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data, dict) and isinstance(data.get("step"), int):
            lines.append(data)
    return tuple(lines)
