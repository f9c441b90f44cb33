"""Whether a dataset is what it says: every byte, row and total checked against what was committed.

Reads everything. Nothing is mended here: each problem says how to.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DatasetError, StorageError
from pipeline.seen_ids import SeenIds
from pipeline.shards.commit import Commit, Tally, checksum, commit_file, read_commit
from pipeline.shards.dataset import (
    DATASET_FILE,
    FAILURES_FILE,
    PLAN_FILE,
    Dataset,
    DatasetInfo,
    ShardEntry,
    open_dataset,
    read_page,
    side_by_side,
)
from pipeline.shards.leaks import leaks
from pipeline.shards.levels import level_type, unpack_levels
from pipeline.shards.plan import digest_of
from pipeline.shards.schema import FAILURE_SCHEMA, POSITIONS, AudioConventions, Conventions, check_stamp
from pipeline.shards.writer import Row, tally_of
from pipeline.storage import Location

PAGES = (PLAN_FILE, DATASET_FILE, FAILURES_FILE)

PER_PHONE = ("stress", "word_index", "phrase_index", *POSITIONS)

BESIDE = ("wav", "png", "snapshots")
"""Folders that `generate` writes beside a dataset and that are no part of it: files for people, when asked; how far
shards are that a run which ended early left underway."""

REMAKE = "run the command that made the dataset again: it makes what is missing or changed, and nothing else"


APART = "prepare it again with --set split.by=speaker or split.by=text, into a new folder, or remove what comes twice"


@dataclass(frozen=True)
class Problem:
    """What is wrong with which file, and how to mend it."""

    file: str
    what: str
    mend: str = REMAKE


def verify_folder(folder: Location, disjoint: Sequence[str] = ()) -> Iterator[Problem]:
    """Every problem of a dataset, in the order of its files; nothing is yielded for a sound one.

    `disjoint`: what splits may not share (`leaks.COLUMNS`).
    """
    try:
        dataset = open_dataset(folder)
    except (DatasetError, StorageError) as error:
        yield Problem(DATASET_FILE, str(error), mend="")  # the message says what to do
        return
    failures = committed_failures(folder, dataset.info)
    yield from foreign_files(folder, dataset.info)
    yield from wrong_pages(folder, failures)
    yield from wrong_files(folder, dataset.info)
    counts = Counts()
    for index, entry in enumerate(dataset.info.shards):
        rows, problems = verify_shard(folder, entry, dataset.info.conventions)
        problems = problems or list(counts.add(dataset, index, rows))
        counts.is_whole &= not problems
        yield from problems
    yield from counts.wrong_totals(dataset, len(failures))
    if counts.is_whole:
        yield from (Problem("shards", str(leak), APART) for leak in leaks(dataset, disjoint))


class Counts:
    """What is counted over the shards that are sound."""

    def __init__(self) -> None:
        self.is_whole = True
        self._tally = Tally()
        self._ids = SeenIds()

    def add(self, dataset: Dataset, index: int, rows: Sequence[Row]) -> Iterator[Problem]:
        """Count a shard's rows; what its commit says otherwise is a problem."""
        tally = tally_of(rows, dataset.info.conventions)
        self._tally.add(tally)
        yield from wrong_commit(dataset.folder, dataset.info.shards[index], tally)
        yield from self.repeated_ids(row["item_id"] for row in rows)

    def repeated_ids(self, ids: Iterable[str]) -> Iterator[Problem]:
        """Ids that a row before bears as well."""
        for item_id in ids:
            if not self._ids.add(item_id):
                what = f"item_id {item_id!r} stands in a row before, too"
                yield Problem("shards", what, "mend the ids and make the dataset again in a new folder")

    def wrong_totals(self, dataset: Dataset, num_failures: int) -> Iterator[Problem]:
        """Totals of `dataset.json` that its shards do not add up to."""
        info = dataset.info
        if info.digest != digest_of([asdict(info.conventions), [entry.sha256 for entry in info.shards]]):
            yield Problem(DATASET_FILE, "its digest is not that of its conventions and shards")
        if info.num_failures != num_failures:
            yield Problem(DATASET_FILE, "num_failures is not what the commits add up to")
        if self.is_whole and (names := differences(self._tally, info.tally)):
            yield Problem(DATASET_FILE, f"{names}: not what the rows add up to")


def differences(one: Tally, other: Tally) -> str:
    """The names of the counts in which two tallies differ."""
    left, right = one.to_json(), other.to_json()
    return ", ".join(name for name in left if left[name] != right[name])


def verify_shard(folder: Location, entry: ShardEntry, conventions: Conventions) -> tuple[Sequence[Row], list[Problem]]:
    """A shard's rows, as far as they can be read, and what is wrong with it: its bytes first, then its rows."""
    place = folder / entry.file
    if not place.is_file():
        return [], [Problem(entry.file, "missing")]
    data = place.read_bytes()
    if len(data) != entry.num_bytes:
        return [], [Problem(entry.file, f"expected {entry.num_bytes} bytes, found {len(data)}: torn or overwritten")]
    if checksum(data) != entry.sha256:
        return [], [Problem(entry.file, "its checksum is not the committed one: bytes have changed")]
    try:
        rows = rows_in(data, entry, conventions)
    except (pa.ArrowException, OSError, UnicodeDecodeError, DatasetError) as error:
        return [], [Problem(entry.file, f"cannot be read as a shard: {error}", remake_shard(entry))]
    return rows, [Problem(entry.file, what, remake_shard(entry)) for what in wrong_rows(rows, entry, conventions)]


def remake_shard(entry: ShardEntry) -> str:
    """A shard whose checksum is the committed one counts as done, so it has to go before it is made again."""
    return f"remove {entry.file} and {REMAKE}"


def rows_in(data: bytes, entry: ShardEntry, conventions: Conventions) -> Sequence[Row]:
    """The rows of a shard, its stamp and the checksums of its pages checked."""
    with pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True) as parquet:
        check_stamp(parquet.schema_arrow, conventions, entry.file)
        rows: Sequence[Row] = parquet.read().to_pylist()
        return rows


def wrong_rows(rows: Sequence[Row], entry: ShardEntry, conventions: Conventions) -> Iterator[str]:
    """What the rows of a shard contradict."""
    if len(rows) != entry.num_rows:
        yield f"expected {entry.num_rows} rows, found {len(rows)}"
    for row in rows:
        for what in wrong_row(row, conventions):
            yield f"row {row['item_id']!r}: {what}"


def wrong_row(row: Mapping[str, Any], conventions: Conventions) -> Iterator[str]:
    """What one row contradicts."""
    if isinstance(conventions, AudioConventions):
        expected = row["num_timesteps"]
        if row["sample_rate_hz"] != conventions.sample_rate_hz:
            yield f"its rate is {row['sample_rate_hz']} Hz, the dataset's {conventions.sample_rate_hz} Hz"
        yield from wrong_phones(row)
        yield from wrong_f0(row, conventions)
    else:
        expected = row["height"] * row["width"] * row["channels"]
        shape = (conventions.height, conventions.width, conventions.channels)
        if (row["height"], row["width"], row["channels"]) != shape:
            yield f"its shape is not the dataset's {shape}"
    size = level_type(conventions.num_levels).itemsize
    if len(row["levels"]) != expected * size:
        yield f"expected {expected} levels of {size} bytes, found {len(row['levels'])} bytes"
    elif expected and unpack_levels(row["levels"], conventions.num_levels).max() >= conventions.num_levels:
        yield f"holds a level past the last one, {conventions.num_levels - 1}"


def wrong_phones(row: Mapping[str, Any]) -> Iterator[str]:
    """Phones must follow each other from 0 to the end without a gap."""
    if row["phone"] is None:
        return
    starts, ends = row["phone_start"] or [], row["phone_end"] or []
    if not len(row["phone"]) == len(starts) == len(ends):
        yield "phone, phone_start and phone_end have different lengths"
    elif [0, *ends] != [*starts, row["num_timesteps"]] or any(a >= b for a, b in zip(starts, ends, strict=True)):
        yield "its phones do not follow each other from 0 to num_timesteps"
    for name in PER_PHONE:
        if row[name] is not None and len(row[name]) != len(row["phone"]):
            yield f"{name} has not as many values as phone"


def wrong_f0(row: Mapping[str, Any], conventions: AudioConventions) -> Iterator[str]:
    """F0 must have a value for each frame that is centred within the row or at its end, give or take rounding."""
    if row["log_f0"] is None:
        return
    hop = conventions.features.frame_period_s * conventions.sample_rate_hz
    found, expected = len(row["log_f0"]), int(row["num_timesteps"] / hop) + 1
    if abs(found - expected) > 1 or len(row["voiced"] or []) != found:
        yield f"expected {expected} frames of log_f0 and of voiced, found {found} and {len(row['voiced'] or [])}"


def foreign_files(folder: Location, info: DatasetInfo) -> Iterator[Problem]:
    """What lies in the folder and is no part of the dataset."""
    expected = {
        *PAGES,
        *info.files,
        *(entry.file for entry in info.shards),
        *(commit_file(entry.name) for entry in info.shards),
    }
    for entry in folder.files():
        if entry.path not in expected and entry.path.split("/")[0] not in BESIDE:
            yield Problem(entry.path, "no part of the dataset", "remove it, or move it elsewhere")


def wrong_pages(folder: Location, failures: list[dict[str, Any]]) -> Iterator[Problem]:
    """What is wrong with `plan.json` and `failures.parquet`."""
    plan = folder / PLAN_FILE
    try:
        read_page(plan.read_text(), PLAN_FILE)
    except (DatasetError, StorageError) as error:
        yield Problem(PLAN_FILE, str(error), "prepare or generate the dataset again into a new folder")
    try:
        table = pq.read_table(io.BytesIO((folder / FAILURES_FILE).read_bytes()))
    except (pa.ArrowException, OSError, StorageError) as error:
        yield Problem(FAILURES_FILE, f"cannot be read: {error}")
        return
    if not table.schema.equals(FAILURE_SCHEMA):
        yield Problem(FAILURES_FILE, "its columns are not those of the format")
    elif table.to_pylist() != failures:
        yield Problem(FAILURES_FILE, "does not hold the failures that the shards' commits name")


def wrong_files(folder: Location, info: DatasetInfo) -> Iterator[Problem]:
    """What is wrong with the files that rows were made by."""
    for name, expected in info.files.items():
        place = folder / name
        if not place.is_file():
            yield Problem(name, "missing")
        elif checksum(place.read_bytes()) != expected:
            yield Problem(name, "its checksum is not the one on record: bytes have changed", f"remove it and {REMAKE}")


def committed_failures(folder: Location, info: DatasetInfo) -> list[dict[str, Any]]:
    """What the commits that can be read name as failures; the others are found by `wrong_commit`."""
    found = side_by_side(partial(sound_commit, folder), [entry.name for entry in info.shards])
    return [asdict(failure) for commit in found if commit for failure in commit.failures]


def sound_commit(folder: Location, name: str) -> Commit | None:
    """A commit, None where there is none that can be read."""
    try:
        return read_commit(folder, name)
    except DatasetError:
        return None


def wrong_commit(folder: Location, entry: ShardEntry, tally: Tally) -> Iterator[Problem]:
    """What the commit of a shard says otherwise than `dataset.json`, or than the tally of the shard's rows."""
    name = commit_file(entry.name)
    mend = f"remove {name} and {REMAKE}"
    try:
        commit = read_commit(folder, entry.name)
    except DatasetError as error:
        yield Problem(name, str(error), mend)
        return
    if commit is None:
        yield Problem(name, "missing")
    elif (commit.name, commit.num_rows, commit.num_bytes, commit.sha256) != (
        entry.name,
        entry.num_rows,
        entry.num_bytes,
        entry.sha256,
    ):
        yield Problem(name, f"names another shard than {DATASET_FILE} does", mend)
    elif names := differences(tally, commit.tally):
        yield Problem(name, f"{names}: not what the shard's rows add up to", mend)
