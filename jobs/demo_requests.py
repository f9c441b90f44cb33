"""What the demo asks its models for: lines of a requests file, made from what was prepared."""

from collections.abc import Iterator
from typing import Any

from pipeline.reports.rows import look, spread
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions

Line = dict[str, Any]


def speech_requests(dataset: Dataset, split: str, count: int, temperature: float) -> list[Line]:
    """Up to `count` utterances of a split: speaker, emotion, and the phones with their durations."""
    assert isinstance(dataset.info.conventions, AudioConventions)
    rate = dataset.info.conventions.sample_rate_hz
    held_out = [place for place in look(dataset) if place.row["split"] == split]
    return [
        {
            "id": place.row["item_id"],
            "speaker": place.row["speaker"],
            "emotion": place.row["emotion"],
            "phones": list(durations(place.row, rate)),
            "temperature": temperature,
        }
        for place in spread(held_out, count)
    ]


def durations(row: Line, rate: int) -> Iterator[list[Any]]:
    """[phone, duration_s] of each phone that lasts at all."""
    for phone, start, end in zip(row["phone"], row["phone_start"], row["phone_end"], strict=True):
        if end > start:
            yield [phone, (end - start) / rate]


def digit_requests(dataset: Dataset, count: int) -> list[Line]:
    """So many of each class."""
    return [{"id": f"digit-{label}", "label": label, "count": count} for label in dataset.info.vocabulary("label")]
