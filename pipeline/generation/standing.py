"""What stands in a folder already, and whether other requests would take it away."""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import OccupiedError
from pipeline.generation.accept.attempts import first_attempt
from pipeline.generation.plan import PlannedItem
from pipeline.shards.commit import shard_file
from pipeline.shards.dataset import PLAN_FILE
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location

Hashes = NDArray[np.uint64]

HOW_MANY = ("count", "split")
"""Keys of a request that change none of its items."""


def requests_before(folder: Location) -> str:
    """The checksum of the requests that a folder was last generated for; empty where it was not, or cannot say."""
    place = folder / PLAN_FILE
    try:
        settings = json.loads(place.read_text()).get("settings", {}) if place.is_file() else {}
        return str(settings.get("requests_sha256", ""))
    except (ValueError, AttributeError):
        return ""


def refuse_to_lose(folder: Location, plans: Iterable[ShardPlan[PlannedItem]]) -> None:
    """An OccupiedError where items stand that these plans do not make; 8 bytes for each that they make are in memory.

    An item is known by its id and its request: those that are only made by other settings, or lie in other shards, are
    asked for all the same.
    """
    asked = (pair_hash(item.item_id, item.request) for plan in plans for item in plan.entries)
    known = np.unique(np.fromiter(asked, np.uint64))
    num_lost, example = 0, ""
    for name in (folder / "commits").names():
        for item_id, request in standing_items(folder, name.removesuffix(".json")):
            if not is_among(pair_hash(first_attempt(item_id), request), known):
                num_lost, example = num_lost + 1, example or item_id
    if num_lost:
        raise OccupiedError(
            f"{folder} holds {num_lost} items that these requests do not ask for, such as {example!r}, and they would "
            "be removed. Choose another output folder, ask for all of them in one file, or give them up with "
            "--set overwrite=true."
        )


def standing_items(folder: Location, name: str) -> Iterator[tuple[str, str]]:
    """The items of a shard and their requests; none where it is not there."""
    place = folder / shard_file(name)
    if place.is_file():
        table: Any = pq.read_table(io.BytesIO(place.read_bytes()), columns=["item_id", "request"])
        yield from zip(table["item_id"].to_pylist(), table["request"].to_pylist(), strict=True)


def pair_hash(item_id: str, request: str) -> int:
    """64 bits that stand for an item and what was asked for, however many of it."""
    wish = {key: value for key, value in json.loads(request).items() if key not in HOW_MANY}
    text = json.dumps([item_id, wish], sort_keys=True)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def is_among(value: int, known: Hashes) -> bool:
    """Whether sorted numbers hold one."""
    place = int(np.searchsorted(known, np.uint64(value)))
    return place < len(known) and int(known[place]) == value
