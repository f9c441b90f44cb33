"""Small datasets to train on, written straight as shards."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.shards.dataset import Dataset, claim, finish, open_dataset
from pipeline.shards.plan import ShardPlan, cut, numbered
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

AUDIO = AudioConventions(8000, num_levels=16)
IMAGES = ImageConventions(4, 4, 1, num_levels=4)
SPEAKERS = ("ann", "bob")


def write_dataset(folder: Path, rows: Sequence[dict[str, Any]], conventions: Conventions, per_shard: int) -> Dataset:
    """These rows as a finished dataset."""
    return write_shards(folder, rows, conventions, list(cut([row["item_id"] for row in rows], per_shard, {})))


def write_shards(
    folder: Path, rows: Sequence[dict[str, Any]], conventions: Conventions, plans: Sequence[ShardPlan[str]]
) -> Dataset:
    """These rows as a finished dataset, cut into these shards."""
    place = Location(str(folder))
    claim(place, "prepare", {})
    by_id = {row["item_id"]: row for row in rows}
    for plan in plans:
        write_shard(place, plan, [by_id[item_id] for item_id in plan.entries], [], conventions)
    finish(place, [plan.name for plan in plans], conventions, {"made_by": "prepare"})
    return open_dataset(place)


def audio_dataset(folder: Path, num_items: int = 14, seed: int = 0, num_held_out: int = 3) -> Dataset:
    """Slow waves of 60 to 160 timesteps by two speakers, with phones, over 16 levels; five items a shard."""
    return write_dataset(folder, audio_rows(num_items, seed, num_held_out), AUDIO, 5)


def uneven_dataset(folder: Path, sizes: Sequence[int]) -> Dataset:
    """The same waves, all to train on, in shards of so many rows each."""
    rows = audio_rows(sum(sizes), num_held_out=0)
    ids, plans = (row["item_id"] for row in rows), []
    for number, size in enumerate(sizes):
        (plan,) = cut(islice(ids, size), size, {})
        plans.append(replace(plan, index=number, name=numbered(number)))
    return write_shards(folder, rows, AUDIO, plans)


def audio_rows(num_items: int = 14, seed: int = 0, num_held_out: int = 3) -> list[dict[str, Any]]:
    """The rows of `audio_dataset`."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(num_items):
        length = int(rng.integers(60, 160))
        wave = np.sin(np.arange(length) * (0.2 + 0.3 * (number % 2)) + rng.uniform(0, 6)) * 5 + 8
        rows.append(audio_row(number, np.clip(np.round(wave + rng.normal(size=length) * 0.5), 0, 15), num_held_out))
    return rows


def audio_row(number: int, levels: Any, num_held_out: int) -> dict[str, Any]:
    """One utterance: its first half is one phone and its second another."""
    length = len(levels)
    return {
        "item_id": f"item-{number:03d}",
        "split": "validation" if number < num_held_out else "train",
        "speaker": SPEAKERS[number % 2],
        "licence": "CC0-1.0",
        "levels": levels.astype(np.uint8).tobytes(),
        "num_timesteps": length,
        "sample_rate_hz": AUDIO.sample_rate_hz,
        "phone": ["a", "b"],
        "phone_start": [0, length // 2],
        "phone_end": [length // 2, length],
    }


def image_dataset(folder: Path, num_items: int = 20) -> Dataset:
    """Pictures of 4 × 4 with a bright half, left or right by their label; seven a shard."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(num_items):
        levels = rng.integers(0, 2, (4, 4, 1)) + 2 * (np.arange(4)[None, :, None] // 2 == number % 2)
        rows.append(
            {
                "item_id": f"image-{number:03d}",
                "split": "validation" if number < 4 else "train",
                "label": str(number % 2),
                "levels": levels.astype(np.uint8).tobytes(),
                "height": 4,
                "width": 4,
                "channels": 1,
            }
        )
    return write_dataset(folder, rows, IMAGES, 7)
