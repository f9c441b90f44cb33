"""Small datasets with something in them to measure: voices of a few pitches, pictures of a few shapes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.audio.companding import encode
from pipeline.evaluation.against_real.chosen import ChosenItem, key_of
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.measure import Asked, measure_shard
from pipeline.evaluation.against_real.measured import Measured
from pipeline.shards.dataset import Dataset, finish, open_dataset
from pipeline.shards.plan import cut
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

RATE_HZ = 8000
SPEECH = AudioConventions(RATE_HZ)
PICTURES = ImageConventions(8, 6, 2, 16)
CONFIG = AgainstRealConfig(most_items=20, most_training_items=200, classifier_steps=60)

Row = dict[str, Any]


def voice(pitch_hz: float, duration_s: float = 0.4, loudness: float = 0.5) -> "np.ndarray[Any, Any]":
    """Harmonics of one pitch, as a voice has them, between two silences."""
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * times_s) / k for k in range(1, 8))
    inside = (times_s > duration_s / 8) & (times_s < duration_s * 7 / 8)
    return (loudness * np.where(inside, wave, 0) / 2).astype(np.float32)


def utterance(item_id: str, waveform: "np.ndarray[Any, Any]", split: str = "validation", **columns: Any) -> Row:
    """A row of two phones."""
    levels, half = encode(waveform), len(waveform) // 2
    return {
        "item_id": item_id,
        "split": split,
        "levels": levels.tobytes(),
        "num_timesteps": len(levels),
        "sample_rate_hz": RATE_HZ,
        "phone": ["a", "b"],
        "phone_start": [0, half],
        "phone_end": [half, len(levels)],
        **columns,
    }


def picture(item_id: str, number: int, split: str = "validation", label: str = "") -> Row:
    """Noise around a bright band, whose place the label tells."""
    random = np.random.default_rng(number)
    levels = random.integers(0, 4, (8, 6, 2)).astype(np.uint8)
    if label:
        levels[2 * int(label) : 2 * int(label) + 2] += 11
    size = {"height": 8, "width": 6, "channels": 2}
    return {"item_id": item_id, "split": split, "levels": levels.tobytes(), "label": label or None, **size}


def write(
    folder: Location, rows: Sequence[Row], conventions: Conventions, per_shard: int = 7, **lineage: str
) -> Dataset:
    """A finished dataset of these rows, so many a shard."""
    plans = list(cut(range(len(rows)), per_shard, {}))
    for plan in plans:
        write_shard(folder, plan, [rows[number] for number in plan.entries], [], conventions)
    finish(folder, [plan.name for plan in plans], conventions, dict(lineage))
    return open_dataset(folder)


def measure(dataset: Dataset, config: AgainstRealConfig = CONFIG, backwards: bool = False) -> Measured:
    """All rows of a dataset, its shards in either order."""
    asked = Asked(config, dataset.info.conventions, dataset.info.num_rows)
    whole, numbers = Measured(), list(range(len(dataset.info.shards)))
    for number in reversed(numbers) if backwards else numbers:
        whole.add(measure_shard(dataset, number, number, asked), config.most_items)
    return whole


def chosen(item_id: str, descriptor: Any, **attributes: str) -> ChosenItem:
    """An item as others are held against it."""
    small = np.asarray(descriptor, np.uint8)
    return ChosenItem(key_of(item_id, 0), item_id, small.tobytes()[:16], small, attributes)
