"""Small datasets, models and pages for the tests of reports, written as the stages write them."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.audio.companding import encode
from pipeline.conditions import Conditioning
from pipeline.model_folder import ModelInfo
from pipeline.reports.subjects import DatasetSubject, ModelSubject
from pipeline.shards.commit import Failure
from pipeline.shards.dataset import claim, finish, open_dataset
from pipeline.shards.plan import cut
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

RATE_HZ = 8000
AUDIO = AudioConventions(RATE_HZ)
PICTURES = ImageConventions(8, 8, 1, 17)

HOSTILE = '"><script>alert(1)</script>$x_{'


@dataclass(frozen=True)
class Made:
    """What to say of who made a dataset."""

    by: str = "prepare"
    model_digest: str = ""


def tone_levels(pitch_hz: float, duration_s: float = 0.3) -> bytes:
    """A sine, as mu-law levels."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return encode(0.5 * np.sin(2 * np.pi * pitch_hz * time_s)).tobytes()


def audio_row(item_id: str, pitch_hz: float = 1000, **columns: Any) -> dict[str, Any]:
    """An utterance of two phones."""
    levels = columns.pop("levels", tone_levels(pitch_hz))
    half = len(levels) // 2
    return {
        "item_id": item_id,
        "split": "train",
        "levels": levels,
        "num_timesteps": len(levels),
        "sample_rate_hz": RATE_HZ,
        "phone": ["a", "b"],
        "phone_start": [0, half],
        "phone_end": [half, len(levels)],
        **columns,
    }


def picture_row(item_id: str, label: str, level: int = 16) -> dict[str, Any]:
    """A picture of one grey with a dark top left pixel."""
    pixels = np.full((8, 8, 1), level, np.uint8)
    pixels[0, 0] = 0
    shape = {"height": 8, "width": 8, "channels": 1}
    return {"item_id": item_id, "split": "train", "label": label, "levels": pixels.tobytes(), **shape}


def write_dataset(
    folder: Location,
    rows: list[dict[str, Any]],
    conventions: Conventions = AUDIO,
    made: Made | None = None,
    failures: tuple[Failure, ...] = (),
) -> DatasetSubject:
    """A finished dataset of shards of four rows."""
    made = made or Made()
    claim(folder, made.by, {})
    plans = list(cut(range(len(rows)), 4, {}))
    for plan in plans:
        shard = [rows[number] for number in plan.entries]
        write_shard(folder, plan, shard, failures if plan.index == 0 else (), conventions)
    lineage = {"made_by": made.by, **({"model": made.model_digest} if made.model_digest else {})}
    finish(folder, [plan.name for plan in plans], conventions, lineage)
    return DatasetSubject(folder.name, open_dataset(folder))


def model_subject(
    name: str, conventions: Conventions = AUDIO, dataset_digest: str = "", num_lines: int = 20
) -> ModelSubject:
    """A model with a falling loss."""
    config = {"num_levels": conventions.num_levels}
    conditioning = Conditioning({"speaker": ("high-1", "low-1")})
    lineage = {"dataset_digest": dataset_digest}
    info = ModelInfo("wavenet", config, conventions, conditioning, "0" * 64, lineage, {"num_parameters": 12345})
    return ModelSubject(name, info, metrics(num_lines))


def metrics(num_lines: int) -> tuple[dict[str, Any], ...]:
    """Lines of `metrics.jsonl`; every fifth has a held-out figure."""
    lines: list[dict[str, Any]] = []
    for number in range(num_lines):
        line = {"step": 20 * (number + 1), "train_bits": 8 / (1 + 0.1 * number), "seconds": 1.5 * number}
        lines.append({**line, "validation_bits": line["train_bits"] + 0.1} if number % 5 == 4 else line)
    return tuple(lines)


def evaluation_page(**fields: Any) -> dict[str, Any]:
    """An evaluation as `ancestral evaluate` writes it."""
    return {
        "format": "ancestral-evaluation",
        "format_version": 2,
        "model": "somewhere/model-speech",
        "model_digest": "m" * 64,
        "dataset": "somewhere/dataset-speech",
        "dataset_digest": "d" * 64,
        "split": "validation",
        "unit": "bits_per_timestep",
        "bits": 2.5,
        "uniform_bits": 8.0,
        "marginal_bits": 6.25,
        "num_items": 32,
        "num_levels_scored": 250_000,
        "per_attribute": {"speaker": {"high-1": {"bits": 2.25, "num_items": 16, "num_levels": 125_000}}},
        **fields,
    }


def timings_page() -> dict[str, Any]:
    """Seconds by stage."""
    return {"format": "ancestral-timings", "seconds": {"prepare": 5.25, "train": 75.0}}


def write_json(place: Location, page: Any) -> Location:
    """A JSON file."""
    place.write_text(json.dumps(page))
    return place
