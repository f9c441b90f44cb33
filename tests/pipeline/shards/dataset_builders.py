"""Small datasets, written by the writer and without preparation."""

from typing import Any

from pipeline.shards.commit import Commit, Failure
from pipeline.shards.dataset import DatasetInfo, claim, finish
from pipeline.shards.plan import ShardPlan, cut, numbered
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

AUDIO = AudioConventions(8000)
IMAGE = ImageConventions(2, 2, 3, num_levels=8)


def audio_row(item_id: str, levels: bytes = bytes([1, 2, 3, 4]), **columns: Any) -> dict[str, Any]:
    """A row of four timesteps in two phones."""
    return {
        "item_id": item_id,
        "split": "train",
        "speaker": "ann",
        "levels": levels,
        "num_timesteps": len(levels),
        "sample_rate_hz": 8000,
        "phone": ["a", "b"],
        "phone_start": [0, 2],
        "phone_end": [2, len(levels)],
    } | columns


def image_row(item_id: str, levels: bytes = bytes(range(8)) + bytes(4), **columns: Any) -> dict[str, Any]:
    """A row of 2 x 2 pixels in three channels."""
    return {
        "item_id": item_id,
        "split": "train",
        "label": "cat",
        "levels": levels,
        "height": 2,
        "width": 2,
        "channels": 3,
    } | columns


def plans(num_rows: int = 5, rows_per_shard: int = 2, settings: Any = "settings") -> list[ShardPlan[str]]:
    """Plans of plain ids."""
    return list(cut([f"item-{number}" for number in range(num_rows)], rows_per_shard, settings))


def names(num_shards: int) -> list[str]:
    """The names of so many shards."""
    return [numbered(index) for index in range(num_shards)]


def write_one(folder: Location, plan: ShardPlan[str], **columns: Any) -> Commit:
    """The shard of a plan; the first shard has a failure as well."""
    failures = [Failure("bad", "bad.wav", "decode", "truncated")] if plan.index == 0 else []
    return write_shard(folder, plan, [audio_row(one, **columns) for one in plan.entries], failures, AUDIO)


def build(folder: Location, num_rows: int = 5) -> DatasetInfo:
    """A finished dataset of audio, two rows a shard."""
    claim(folder, "prepare", {"corpus": "none"})
    made = [write_one(folder, plan) for plan in plans(num_rows)]
    return finish(folder, names(len(made)), AUDIO, {"made_by": "prepare"})
