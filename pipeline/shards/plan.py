"""Plans: which items a shard holds, decided before any work and independent of the number of workers."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from pipeline.shards.schema import FORMAT_VERSION

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class ShardPlan(Generic[Entry]):
    """What one task will do: entry after entry into shard number `index`.

    `digest` covers the entries (with the fingerprints of their files), the resolved settings and the format version, so
    that equal digests mean equal shards.
    """

    index: int
    entries: tuple[Entry, ...]
    digest: str


def cut(entries: Iterable[Entry], entries_per_shard: int, settings: Any) -> Iterator[ShardPlan[Entry]]:
    """Cut a stream of entries into shard plans; holds one shard's entries in memory at a time."""
    if entries_per_shard < 1:
        raise ValueError(f"entries_per_shard must be at least 1, got {entries_per_shard}")
    stream = iter(entries)
    index = 0
    while chunk := tuple(islice(stream, entries_per_shard)):
        digest = digest_of({"format_version": FORMAT_VERSION, "index": index, "settings": settings, "entries": chunk})
        yield ShardPlan(index, chunk, digest)
        index += 1


def digest_of(value: Any) -> str:
    """SHA-256 over canonical JSON of dataclasses, mappings, sequences and plain values."""
    text = json.dumps(value, default=plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> Any:
    """What JSON can hold of a dataclass."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"a plan is made of plain values and dataclasses, got {type(value).__name__}")
