"""What makes shards one dataset: claiming a folder, finishing it, and opening what is finished."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DatasetError, OccupiedError, PassingStorageError
from pipeline.shards.commit import Commit, Tally, commit_name, read_commit, shard_name
from pipeline.shards.plan import digest_of
from pipeline.shards.schema import FAILURE_SCHEMA, FORMAT, FORMAT_VERSION, Conventions, check_stamp, conventions_from
from pipeline.storage import Location, explain, is_passing, retried

PLAN_FILE = "plan.json"
DATASET_FILE = "dataset.json"
FAILURES_FILE = "failures.parquet"


@dataclass(frozen=True)
class ShardEntry:
    """A shard as `dataset.json` lists it."""

    file: str
    num_rows: int
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class DatasetInfo:
    """`dataset.json`. `digest` names the content: conventions and the checksums of all shards."""

    conventions: Conventions
    digest: str
    tally: Tally
    num_failures: int
    shards: tuple[ShardEntry, ...]
    lineage: dict[str, Any] = field(default_factory=dict)
    format: str = FORMAT
    format_version: int = FORMAT_VERSION

    @property
    def num_rows(self) -> int:
        """Rows over all splits."""
        return sum(self.tally.num_rows.values())

    @property
    def num_levels(self) -> int:
        """Timesteps, or pixel channels, over all splits."""
        return sum(self.tally.num_levels.values())

    def vocabulary(self, column: str) -> tuple[str, ...]:
        """The values of a column, sorted: the order in which a model numbers them."""
        return tuple(sorted(self.tally.vocabularies.get(column, {})))

    def to_json(self) -> str:
        """The page as it is written, the same bytes for the same dataset."""
        data = {
            **self.__dict__,
            "tally": self.tally.to_json(),
            "conventions": asdict(self.conventions),
            "shards": [asdict(entry) for entry in self.shards],
        }
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "DatasetInfo":
        """The inverse of `to_json`, refusing other formats and versions."""
        data = read_page(text, where)
        try:
            return cls(
                **{
                    **data,
                    "conventions": conventions_from(data["conventions"], where),
                    "tally": Tally.from_json(data["tally"]),
                    "shards": tuple(ShardEntry(**entry) for entry in data["shards"]),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(f"{where}: damaged ({error}); prepare or generate the dataset again.") from error


def read_page(text: str, where: str) -> dict[str, Any]:
    """The page as plain values, once its format and version are known to be ours."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{where}: expected JSON, got something else ({error}); the file is damaged.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DatasetError(f"{where}: expected a page of format {FORMAT!r}; this folder holds no dataset of ours.")
    if data.get("format_version") != FORMAT_VERSION:
        raise DatasetError(
            f"{where}: format version {data.get('format_version')}, this release reads version {FORMAT_VERSION}; "
            "prepare the dataset again with this release."
        )
    return data


def claim(folder: Location, made_by: str, settings: Any, identity: Mapping[str, str] | None = None) -> None:
    """Make the folder ours, or refuse one that holds something else. A rerun finds its own claim and goes on.

    `made_by` is "prepare" or "generate". `identity` is what the dataset is made from (a corpus, a model), by name: a
    folder that says otherwise holds another dataset and is refused. `settings` are kept for people to read and may
    change: digests decide what is redone.
    """
    identity = dict(identity or {})
    place = folder / PLAN_FILE
    if folder.is_file():
        raise OccupiedError(f"{folder} is a file; expected a folder to write a dataset into. Choose another output.")
    if place.is_file():
        check_claim(folder, read_page(place.read_text(), str(place)), made_by, identity)
    elif names := folder.names():
        raise OccupiedError(
            f"{folder} already holds something else ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}); "
            "expected an empty folder or one that this command made. Choose another output folder."
        )
    page = {"format": FORMAT, "format_version": FORMAT_VERSION, "made_by": made_by, "settings": settings}
    text = json.dumps({**page, "identity": identity}, indent=1, sort_keys=True, default=asdict)
    place.write_text(text + "\n")


def check_claim(folder: Location, before: Mapping[str, Any], made_by: str, identity: Mapping[str, str]) -> None:
    """Refuse a folder whose `plan.json` says that another command made it, or from something else."""
    if before.get("made_by") != made_by:
        raise OccupiedError(
            f"{folder} holds a dataset that `{before.get('made_by')}` made; `{made_by}` would overwrite it. "
            "Choose another output folder."
        )
    known = before.get("identity")
    stands = known if isinstance(known, dict) else {}
    if other := [name for name, value in identity.items() if stands.get(name) != value]:
        differences = "; ".join(
            f"its {name} is {stands.get(name, 'something that was not noted')}, not {identity[name]}" for name in other
        )
        raise OccupiedError(
            f"{folder} holds another dataset, which `{made_by}` would overwrite: {differences}. "
            "Choose another output folder, or remove this one if it is not needed any more."
        )


def reopen(folder: Location) -> None:
    """Take back the word that the dataset is finished: called before the first shard is (re)written or removed."""
    (folder / DATASET_FILE).remove()


def finish(folder: Location, num_shards: int, conventions: Conventions, lineage: dict[str, Any]) -> DatasetInfo:
    """Merge all commits into `failures.parquet` and `dataset.json`; drop shards that no plan asks for any more."""
    drop_strays(folder, num_shards)
    tally = Tally()
    entries: list[ShardEntry] = []
    num_failures = 0
    for commit in commits(folder, num_shards):
        tally.add(commit.tally)
        num_failures += len(commit.failures)
        entries.append(ShardEntry(shard_name(commit.index), commit.num_rows, commit.num_bytes, commit.sha256))
    write_failures(folder, commits(folder, num_shards))
    digest = digest_of([asdict(conventions), [entry.sha256 for entry in entries]])
    info = DatasetInfo(conventions, digest, tally, num_failures, tuple(entries), lineage)
    (folder / DATASET_FILE).write_text(info.to_json())
    return info


def write_failures(folder: Location, made: Iterable[Commit]) -> None:
    """Write `failures.parquet` from these commits; also what a run that gives up leaves behind."""
    with FailureFile() as failures:
        for commit in made:
            failures.add(commit)
    (folder / FAILURES_FILE).write_bytes(failures.data())


def commits(folder: Location, num_shards: int) -> Iterator[Commit]:
    """Every commit in order; a missing one is an error."""
    for index in range(num_shards):
        commit = read_commit(folder, index)
        if commit is None:
            raise DatasetError(
                f"{folder / commit_name(index)} is missing; run the same command again to make that shard."
            )
        yield commit


def drop_strays(folder: Location, num_shards: int) -> None:
    """Remove shards and commits past the last plan, and writes that never finished.

    `dataset.json` may still list what goes, so it goes first: a kill in between leaves an unfinished dataset.
    """
    strays = [
        folder / part / name
        for part in ("shards", "commits")
        for name in (folder / part).names()
        if not name.split(".")[0].isdigit() or int(name.split(".")[0]) >= num_shards
    ]
    if strays:
        reopen(folder)
    for place in strays:
        place.remove()
    for part in ("shards", "commits"):
        (folder / part).remove_partials()


class FailureFile:
    """`failures.parquet`, written commit by commit so that the driver never holds all failures as objects."""

    def __init__(self) -> None:
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, FAILURE_SCHEMA, compression="zstd")

    def __enter__(self) -> "FailureFile":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._writer.close()

    def add(self, commit: Commit) -> None:
        """Append the failures of one shard."""
        if commit.failures:
            rows = [asdict(failure) for failure in commit.failures]
            self._writer.write_table(pa.Table.from_pylist(rows, schema=FAILURE_SCHEMA))

    def data(self) -> bytes:
        """The file's bytes, once closed."""
        return self._sink.getvalue()


@dataclass(frozen=True)
class Dataset:
    """A finished dataset, open for reading."""

    folder: Location
    info: DatasetInfo

    @retried
    def read_shard(self, index: int, columns: list[str] | None = None) -> pa.Table:
        """One shard's rows as a table, its conventions checked."""
        place = self.folder / self.info.shards[index].file
        try:
            with place.open() as file, pq.ParquetFile(file, page_checksum_verification=True) as parquet:
                check_stamp(parquet.schema_arrow, self.info.conventions, str(place))
                return parquet.read(columns=columns)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError) and is_passing(error):
                raise PassingStorageError(explain(error, str(place))) from error
            raise DatasetError(
                f"{place}: damaged ({error}); `ancestral verify {self.folder}` says how to mend."
            ) from error

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Every shard's rows, one table at a time."""
        for index in range(len(self.info.shards)):
            yield self.read_shard(index, columns)


def open_dataset(folder: Location, kind: str = "") -> Dataset:
    """Open a finished dataset; `kind` ("audio" or "image") refuses the other one."""
    place = folder / DATASET_FILE
    if not place.is_file():
        if (folder / PLAN_FILE).is_file():
            raise DatasetError(
                f"{folder} is not finished; run the command that makes it again, it goes on where it stopped."
            )
        raise DatasetError(f"{folder} holds no dataset: {DATASET_FILE} is missing. Make one with `ancestral prepare`.")
    info = DatasetInfo.from_json(place.read_text(), str(place))
    if kind and info.conventions.kind != kind:
        raise DatasetError(f"{folder}: expected a dataset of kind {kind}, this one is of kind {info.conventions.kind}.")
    return Dataset(folder, info)
