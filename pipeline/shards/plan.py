"""Plans: which items a shard holds, decided before any work and independent of the number of workers."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

from pipeline.shards.schema import FORMAT_VERSION

Entry = TypeVar("Entry")

NAME_LENGTH = 24
"""Hexadecimal digits of a name: 96 bits, with which ten million shards share one by chance once in 10^15 datasets."""

LEAST_SHARE, MOST_SHARE = 0.5, 2.0
"""Of what a shard should hold: `cut_by_content` ends none below the first and all at the second."""


@dataclass(frozen=True)
class ShardPlan(Generic[Entry]):
    """What one task will do: entry after entry into the shard of this name, which stands `index`-th in its dataset.

    `digest` covers the entries (with the fingerprints of their files), the resolved settings and the format version, so
    that equal digests mean equal shards.
    """

    index: int
    name: str
    entries: tuple[Entry, ...]
    digest: str


def cut(entries: Iterable[Entry], entries_per_shard: int, settings: Any) -> Iterator[ShardPlan[Entry]]:
    """Cut a stream of entries into shards of so many, named by their numbers; holds one shard's entries at a time."""
    if entries_per_shard < 1:
        raise ValueError(f"entries_per_shard must be at least 1, got {entries_per_shard}")
    stream = iter(entries)
    yield from numbered_plans(iter(lambda: tuple(islice(stream, entries_per_shard)), ()), settings)


def numbered_plans(chunks: Iterable[tuple[Entry, ...]], settings: Any) -> Iterator[ShardPlan[Entry]]:
    """What each shard holds as a plan, named by its number."""
    for index, chunk in enumerate(chunks):
        digest = digest_of({"format_version": FORMAT_VERSION, "index": index, "settings": settings, "entries": chunk})
        yield ShardPlan(index, numbered(index), chunk, digest)


def numbered(index: int) -> str:
    """The name of a shard that is known by its number."""
    return f"{index:06d}"


def cut_by_content(
    entries: Iterable[Entry], share_of: Callable[[Entry], float], id_of: Callable[[Entry], str], settings: Any
) -> Iterator[ShardPlan[Entry]]:
    """Cut a stream where the entries themselves say so, and name each shard by what it holds.

    `share_of` an entry is how much of a shard it fills. A shard ends after an entry whose id's hash falls below twice
    its share, once it is half full, and at two shards' worth in any case: one shard's worth on average. What is added
    to a corpus or taken from it so changes the shards near by and leaves all others as they are, wherever it lies
    (content-defined chunking; Muthitacharoen et al. 2001, A Low-bandwidth Network File System, §3.1).
    """
    settings_digest = digest_of({"format_version": FORMAT_VERSION, "settings": settings})
    for index, chunk in enumerate(chunks_by_content(entries, share_of, id_of)):
        digest = digest_of([settings_digest, chunk])
        yield ShardPlan(index, digest[:NAME_LENGTH], chunk, digest)


def chunks_by_content(
    entries: Iterable[Entry], share_of: Callable[[Entry], float], id_of: Callable[[Entry], str]
) -> Iterator[tuple[Entry, ...]]:
    """The entries of each shard."""
    chunk: list[Entry] = []
    filled = 0.0
    for entry in entries:
        chunk.append(entry)
        share = share_of(entry)
        filled += share
        if filled >= MOST_SHARE or (filled >= LEAST_SHARE and evenly(id_of(entry)) < share / (1 - LEAST_SHARE)):
            yield tuple(chunk)
            chunk, filled = [], 0.0
    if chunk:
        yield tuple(chunk)


def evenly(text: str) -> float:
    """A text's place in [0, 1), the same on every machine; texts fall evenly."""
    first = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=b"cut").digest()
    return int.from_bytes(first, "big") / 2**64


def digest_of(value: Any) -> str:
    """SHA-256 over canonical JSON of dataclasses, mappings, sequences and plain values."""
    text = json.dumps(value, default=plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> Any:
    """What JSON can hold of a dataclass, one level deep: it asks again for what lies below."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in names_of(type(value))}
    raise TypeError(f"a plan is made of plain values and dataclasses, got {type(value).__name__}")


@cache
def names_of(dataclass_type: type[Any]) -> tuple[str, ...]:
    """The fields of a dataclass."""
    return tuple(field.name for field in fields(dataclass_type))
