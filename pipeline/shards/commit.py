"""Commits: proof that a shard is whole, written after it, and what is counted on the way."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.errors import DatasetError
from pipeline.storage import Location


@dataclass(frozen=True)
class Failure:
    """An item that could not be used: where it came from, where it failed, why."""

    item_id: str
    source: str
    stage: str
    reason: str


@dataclass
class Tally:
    """What is counted over rows; the tally of a dataset is the merged tallies of its shards.

    num_rows, num_levels: by split (levels are timesteps, or pixel channels). vocabularies: column → value → rows.
    histograms: by split, the count of each level (of each bin, `levels.py`), one list a channel: what the marginal
    baseline is computed from.
    """

    num_rows: Counter[str] = field(default_factory=Counter)
    num_levels: Counter[str] = field(default_factory=Counter)
    vocabularies: dict[str, Counter[str]] = field(default_factory=dict)
    histograms: dict[str, list[list[int]]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Merge another tally into this one."""
        self.num_rows.update(other.num_rows)
        self.num_levels.update(other.num_levels)
        for column, counts in other.vocabularies.items():
            self.vocabularies.setdefault(column, Counter()).update(counts)
        for split, channels in other.histograms.items():
            mine = self.histograms.setdefault(split, [[0] * len(channel) for channel in channels])
            self.histograms[split] = [
                [a + b for a, b in zip(left, right, strict=True)] for left, right in zip(mine, channels, strict=True)
            ]

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order, so that equal tallies are equal bytes."""
        return {
            "num_rows": dict(sorted(self.num_rows.items())),
            "num_levels": dict(sorted(self.num_levels.items())),
            "vocabularies": {c: dict(sorted(counts.items())) for c, counts in sorted(self.vocabularies.items())},
            "histograms": dict(sorted(self.histograms.items())),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Tally":
        """The inverse of `to_json`."""
        vocabularies = {column: Counter(counts) for column, counts in data["vocabularies"].items()}
        return cls(Counter(data["num_rows"]), Counter(data["num_levels"]), vocabularies, data["histograms"])


@dataclass(frozen=True)
class Commit:
    """Proof that the shard of this name is whole, and what it holds. Only `run` (time, host) differs between runs.

    notes: what was done to items that is worth knowing (a palette looked up, a phone no one trained), and how often.
    fingerprints: item → 64 bits in hexadecimal digits, where items of a dataset are compared with each other; of rows,
        and of what was rejected for being near to another, in the order of places and attempts.
    """

    name: str
    plan_digest: str
    num_rows: int
    num_bytes: int
    sha256: str
    tally: Tally
    failures: tuple[Failure, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values; fingerprints as pairs, since the keys of an object are sorted and these have an order."""
        failures = [asdict(failure) for failure in self.failures]
        fingerprints = [list(pair) for pair in self.fingerprints.items()]
        return {**self.__dict__, "tally": self.tally.to_json(), "failures": failures, "fingerprints": fingerprints}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Commit":
        """The inverse of `to_json`."""
        failures = tuple(Failure(**failure) for failure in data["failures"])
        plain = {**data, "fingerprints": dict(data.get("fingerprints", ()))}
        return cls(**{**plain, "tally": Tally.from_json(data["tally"]), "failures": failures})


def shard_file(name: str) -> str:
    """The shard's file, below the dataset's folder."""
    return f"shards/{name}.parquet"


def commit_file(name: str) -> str:
    """The commit's file, below the dataset's folder."""
    return f"commits/{name}.json"


def write_commit(folder: Location, commit: Commit) -> None:
    """Write the proof; the shard must stand already."""
    (folder / commit_file(commit.name)).write_text(json.dumps(commit.to_json(), sort_keys=True) + "\n")


def read_commit(folder: Location, name: str) -> Commit | None:
    """The commit of a shard, or None where there is none."""
    place = folder / commit_file(name)
    if not place.is_file():
        return None
    data = place.read_bytes()
    try:
        return Commit.from_json(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f"{place}: a damaged commit ({error}). Remove this file and run the command again."
        ) from error


def done_commit(folder: Location, name: str, plan_digest: str) -> Commit | None:
    """The commit of a shard that has been written for exactly this plan and of which every byte still stands.

    The shard is read and its checksum compared: cheap against making it, and a flipped byte is found by the next run.
    """
    try:
        commit = read_commit(folder, name)
    except DatasetError:
        return None  # what cannot be read proves nothing: the shard is made again
    place = folder / shard_file(name)
    if commit is None or commit.plan_digest != plan_digest or not place.is_file():
        return None
    is_whole = place.size_bytes() == commit.num_bytes and checksum(place.read_bytes()) == commit.sha256
    return commit if is_whole else None


def checksum(data: bytes) -> str:
    """What a commit names a shard's bytes by."""
    return hashlib.sha256(data).hexdigest()
