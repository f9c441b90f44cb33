"""Small datasets, written as `prepare` writes one, for the tests of evaluation."""

import numpy as np

from pipeline.shards.dataset import Dataset, finish, open_dataset
from pipeline.shards.plan import ShardPlan
from pipeline.shards.writer import write_shard
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import AUDIO, IMAGE

LENGTHS = (61, 5, 40, 23, 1)


def speech_row(number: int, num_timesteps: int, split: str) -> dict[str, object]:
    levels = np.random.default_rng(number).binomial(31, 0.4, num_timesteps).astype(np.uint8)
    middle = num_timesteps // 2
    return {
        "item_id": f"{split}-{number}",
        "split": split,
        "speaker": ("ann", "bob")[number % 2],
        "emotion": "calm",
        "levels": levels.tobytes(),
        "num_timesteps": num_timesteps,
        "sample_rate_hz": AUDIO.sample_rate_hz,
        "phone": ["a", "b"] if middle else ["sil"],
        "phone_start": [0, middle] if middle else [0],
        "phone_end": [middle, num_timesteps] if middle else [num_timesteps],
    }


def digit_row(number: int, split: str) -> dict[str, object]:
    levels = np.random.default_rng(number).integers(0, 8, 5 * 4 * 3).astype(np.uint8)
    size = {"height": 5, "width": 4, "channels": 3}
    return {
        "item_id": f"{split}-{number}",
        "split": split,
        "label": str(number % 3),
        "levels": levels.tobytes(),
        **size,
    }


def write_speech(folder: Location) -> Dataset:
    """Two shards; validation has items of 61, 5, 40, 23 and 1 timesteps."""
    held_out = [speech_row(number, length, "validation") for number, length in enumerate(LENGTHS)]
    train = [speech_row(number, 50, "train") for number in range(10, 14)]
    write_shard(folder, ShardPlan(0, "000000", (), "a"), [*train[:2], *held_out[:3]], [], AUDIO)
    write_shard(folder, ShardPlan(1, "000001", (), "b"), [*held_out[3:], *train[2:]], [], AUDIO)
    finish(folder, ["000000", "000001"], AUDIO, {})
    return open_dataset(folder)


def write_digits(folder: Location) -> Dataset:
    """One shard, and no training split."""
    rows = [digit_row(number, "validation") for number in range(5)]
    write_shard(folder, ShardPlan(0, "000000", (), "a"), rows, [], IMAGE)
    finish(folder, ["000000"], IMAGE, {})
    return open_dataset(folder)
