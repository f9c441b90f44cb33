"""The requests of a copy synthesis: held-out rows, asked for again by what they were made from.

A request has its row's id, so that `evaluate` finds the row again, and what the model is conditioned on: attributes,
phones with their durations, the voiced points of F0. A picture's has its label, and so the classes come as often as
they do among the real ones.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.conditions import Conditioning
from pipeline.evaluation.against_real.chosen import key_bound, key_of
from pipeline.rows import Rows
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CopyConfig:
    """Which rows are asked for.

    num_items: chosen by their ids; all of the split where it has no more. count: draws of each. seed: of the choice,
    and of the draws.
    """

    split: str = "validation"
    num_items: int = 100
    count: int = 1
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_items < 1 or self.count < 1:
            raise ValueError(f"num_items and count must be at least 1, got {self.num_items} and {self.count}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")


def chosen_requests(dataset: Dataset, conditioning: Conditioning, config: CopyConfig) -> list[dict[str, Any]]:
    """The requests in the order of the dataset; a row that lacks what the model needs is passed over."""
    bound = key_bound(config.num_items, dataset.info.tally.num_rows[config.split])
    found: list[tuple[int, int, dict[str, Any]]] = []
    for row in rows_of_split(dataset, conditioning, config.split):
        key = key_of(row["item_id"], config.seed)
        if key < bound and (request := request_of(row, dataset, conditioning)):
            found.append((key, len(found), request | options(config)))
    first = sorted(found, key=lambda entry: entry[0])[: config.num_items]
    return [request for _, _, request in sorted(first, key=lambda entry: entry[1])]


def rows_of_split(dataset: Dataset, conditioning: Conditioning, split: str) -> Iterator[Row]:
    """The rows, shard by shard."""
    is_audio = isinstance(dataset.info.conventions, AudioConventions)
    conditions = [column for columns in conditioning.columns.values() for column in columns]
    columns = ["item_id", "split", *(["num_timesteps", "text", "language"] if is_audio else []), *conditions]
    for table in dataset.tables(list(dict.fromkeys(columns))):
        rows = Rows(table)
        yield from (row for row in (rows[number] for number in range(len(rows))) if row["split"] == split)


def options(config: CopyConfig) -> dict[str, Any]:
    """What all requests share; what generation takes of itself is left out."""
    own = {"count": 1, "temperature": 1.0, "seed": 0}
    differing = {name: getattr(config, name) for name, value in own.items() if getattr(config, name) != value}
    return {"split": config.split, **differing}


def request_of(row: Row, dataset: Dataset, conditioning: Conditioning) -> dict[str, Any] | None:
    """One row's; None where it lacks an attribute or its phones."""
    attributes = {name: row[name] for name in conditioning.attributes}
    conventions = dataset.info.conventions
    if not all(attributes.values()):
        return None
    if not isinstance(conventions, AudioConventions):
        return {"id": row["item_id"], **attributes}
    said = said_in(row, conditioning, conventions)
    return {"id": row["item_id"], **attributes, **said} if said else None


def said_in(row: Row, conditioning: Conditioning, conventions: AudioConventions) -> dict[str, Any]:
    """Length, phones and pitch; nothing where the row has no phones and the model needs them."""
    if not conditioning.has_local:
        return {"num_timesteps": row["num_timesteps"]}
    if not row["phone"] or (conditioning.linguistic and not row["text"]):
        return {}
    pitch = {"f0_hz": contour(row, conventions, conditioning)} if conditioning.f0 else {}
    if conditioning.linguistic:
        language = {"language": row["language"]} if row["language"] else {}
        return {"text": row["text"], **language, "num_timesteps": row["num_timesteps"], **pitch}
    return {"phones": phones(row, conventions.sample_rate_hz), **pitch}


def phones(row: Row, sample_rate_hz: int) -> list[list[Any]]:
    """[phone, duration_s], those that last at all; together they last as long as the row."""
    spans = zip(row["phone"], row["phone_start"], row["phone_end"], strict=True)
    return [[phone, (int(end) - int(start)) / sample_rate_hz] for phone, start, end in spans if end > start]


def contour(row: Row, conventions: AudioConventions, conditioning: Conditioning) -> float | list[list[float]]:
    """[time_s, hz] of the voiced frames: between them, and beyond, F0 runs as it does in the row."""
    log_hz, voiced = np.asarray(row["log_f0"], np.float64), np.asarray(row["voiced"], bool)
    duration_s = row["num_timesteps"] / conventions.sample_rate_hz
    times_s = np.arange(len(voiced)) * conventions.features.frame_period_s
    heard = voiced & (times_s <= duration_s)
    if not heard.any():
        return round(math.exp(conditioning.f0_centre), 2)
    return [[round(t, 6), round(math.exp(v), 2)] for t, v in zip(times_s[heard], log_hz[heard], strict=True)]


def as_lines(requests: list[dict[str, Any]]) -> str:
    """The file: one request a line."""
    return "".join(json.dumps(request, ensure_ascii=False) + "\n" for request in requests)
