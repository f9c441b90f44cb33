"""What a part's files are, so that a rerun can tell whether they stand whole: a record, written when all of them do."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from pipeline.outputs.plan import Part
from pipeline.storage import Location

RECORDS = ".parts"
"""Where records lie until the export is finished; then its page holds them all."""

CHUNK_BYTES = 2**22


class Written(NamedTuple):
    """A file that stands, by its path below the export's folder."""

    path: str
    sha256: str
    num_bytes: int


@dataclass(frozen=True)
class Record:
    """Proof of a part. `digest` is that of its plan, `sha256` that over the paths and checksums of its files."""

    name: str
    digest: str
    num_items: int
    num_files: int
    num_bytes: int
    sha256: str

    @classmethod
    def from_json(cls, data: Any) -> "Record":
        """The inverse of `asdict`; ValueError for anything else."""
        expected = {field.name: field.type for field in fields(cls)}
        if not isinstance(data, dict) or {name: type(value) for name, value in data.items()} != expected:
            raise ValueError(f"expected the fields {', '.join(expected)}")
        return cls(**data)


def record_of(part: Part, written: Iterable[Written]) -> Record:
    """The record of a part by its files, in their order."""
    digest, num_files, num_bytes = hashlib.sha256(), 0, 0
    for file in written:
        digest.update(f"{file.path}\0{file.sha256}\n".encode())
        num_files, num_bytes = num_files + 1, num_bytes + file.num_bytes
    return Record(part.name, part.digest, part.num_items, num_files, num_bytes, digest.hexdigest())


def found(out: Location, path: str) -> Written:
    """The file that stands at a path; one of no bytes and no checksum where there is none."""
    place = out / path
    if not place.is_file():
        return Written(path, "", 0)
    digest, num_bytes = hashlib.sha256(), 0
    with place.open() as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            num_bytes += len(chunk)
    return Written(path, digest.hexdigest(), num_bytes)


def write_record(out: Location, record: Record) -> None:
    """Keep a part's record; its files must stand."""
    (out / RECORDS / f"{record.name}.json").write_text(json.dumps(asdict(record), sort_keys=True) + "\n")


def read_record(out: Location, name: str) -> Record | None:
    """The record of a part; None where there is none, or what there is proves nothing."""
    place = out / RECORDS / f"{name}.json"
    try:
        return Record.from_json(json.loads(place.read_bytes())) if place.is_file() else None
    except ValueError:
        return None
