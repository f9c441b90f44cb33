"""What makes shards one dataset: claiming a folder, finishing it, and opening what is finished."""

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DatasetError, OccupiedError, PassingStorageError
from pipeline.shards.commit import Commit, Tally, checksum, commit_file, read_commit, shard_file
from pipeline.shards.failures import FailureFile
from pipeline.shards.plan import digest_of
from pipeline.shards.schema import (
    FORMAT,
    FORMAT_VERSION,
    Conventions,
    check_stamp,
    conventions_from,
    schema_for,
)
from pipeline.storage import Location, explain, is_passing, retried

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

PLAN_FILE = "plan.json"
DATASET_FILE = "dataset.json"

WITHOUT_DATASET = ("export", "align labels")
"""Commands that claim a folder for something else."""

NAME = re.compile("[0-9a-f]{1,64}")
"""A shard's: its number, or a digest."""
FAILURES_FILE = "failures.parquet"

QUESTIONS_AT_ONCE = 16
"""An object store answers each after a time in which it could have answered many."""


@dataclass(frozen=True)
class ShardEntry:
    """A shard as `dataset.json` lists it."""

    file: str
    num_rows: int
    num_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The shard's name, which its commit bears as well."""
        return self.file.rpartition("/")[2].removesuffix(".parquet")


@dataclass(frozen=True)
class DatasetInfo:
    """`dataset.json`. `digest` names the content: conventions and the checksums of all shards.

    notes: what was done to items that is worth knowing, and to how many. files: what lies beside the shards because
    rows were made by it (an aligner's model), by name, with its checksum.
    """

    conventions: Conventions
    digest: str
    tally: Tally
    num_failures: int
    shards: tuple[ShardEntry, ...]
    notes: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
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
                    "shards": tuple(checked_entry(entry) for entry in data["shards"]),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(f"{where}: damaged ({error}); prepare or generate the dataset again.") from error


def checked_entry(data: dict[str, Any]) -> ShardEntry:
    """A shard as the page lists it; one that lies anywhere but among the shards is a ValueError."""
    entry = ShardEntry(**data)
    if entry.file != shard_file(entry.name) or not NAME.fullmatch(entry.name):
        raise ValueError(f"{entry.file!r} is no shard's file")
    return entry


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
            "prepare the dataset again with this release, into a new folder."
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
    if not place.is_file() and (names := folder.names()):
        raise OccupiedError(
            f"{folder} already holds something else ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}); "
            "expected an empty folder or one that this command made. Choose another output folder."
        )
    page = {"format": FORMAT, "format_version": FORMAT_VERSION, "made_by": made_by, "settings": settings}
    text = json.dumps({**page, "identity": identity}, indent=1, sort_keys=True, default=asdict)
    if not place.create_bytes(f"{text}\n".encode()):  # of two commands that begin at once, one finds the other's claim
        check_claim(folder, read_page(place.read_text(), str(place)), made_by, identity)
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


def finish(
    folder: Location,
    names: Sequence[str],
    conventions: Conventions,
    lineage: dict[str, Any],
    files: Sequence[str] = (),
) -> DatasetInfo:
    """Merge the commits of these shards, in this order, into `failures.parquet` and `dataset.json`.

    Shards that no plan asks for any more are dropped. `files` lie in the folder and are part of the dataset.
    """
    drop_strays(folder, names)
    tally, notes = Tally(), Counter[str]()
    entries: list[ShardEntry] = []
    with FailureFile() as failures:
        for commit in commits(folder, names):
            tally.add(commit.tally)
            notes.update(commit.notes)
            failures.add(commit)
            entries.append(ShardEntry(shard_file(commit.name), commit.num_rows, commit.num_bytes, commit.sha256))
    (folder / FAILURES_FILE).write_bytes(failures.data())
    digest = digest_of([asdict(conventions), [entry.sha256 for entry in entries]])
    sums = {name: checksum((folder / name).read_bytes()) for name in files}
    plain_lineage = json.loads(json.dumps(lineage))  # as it will be read back: a tuple is a list there
    info = DatasetInfo(conventions, digest, tally, failures.num_rows, tuple(entries), dict(notes), sums, plain_lineage)
    (folder / DATASET_FILE).write_text(info.to_json())
    return info


def write_failures(folder: Location, made: Iterable[Commit]) -> None:
    """Write `failures.parquet` from these commits: what a run that gives up leaves behind."""
    with FailureFile() as failures:
        for commit in made:
            failures.add(commit)
    (folder / FAILURES_FILE).write_bytes(failures.data())


def commits(folder: Location, names: Sequence[str]) -> Iterator[Commit]:
    """The commit of every shard in order; a missing one is an error."""
    return side_by_side(partial(required_commit, folder), names)


def side_by_side(ask: Callable[[Asked], Answer], about: Sequence[Asked]) -> Iterator[Answer]:
    """The answers to many questions to storage, in order. Few stand in memory, several are on their way."""
    with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as threads:
        for start in range(0, len(about), QUESTIONS_AT_ONCE):
            yield from threads.map(ask, about[start : start + QUESTIONS_AT_ONCE])


def required_commit(folder: Location, name: str) -> Commit:
    """The commit of a shard that was made."""
    commit = read_commit(folder, name)
    if commit is None:
        raise DatasetError(f"{folder / commit_file(name)} is missing; run the same command again to make that shard.")
    return commit


def drop_strays(folder: Location, names: Iterable[str]) -> None:
    """Remove shards and commits of other names, and writes that never finished.

    `dataset.json` may still list what goes, so it goes first: a kill in between leaves an unfinished dataset.
    """
    wanted = {file_of(name).rpartition("/")[2] for name in names for file_of in (shard_file, commit_file)}
    strays = [
        folder / part / name for part in ("shards", "commits") for name in (folder / part).names() if name not in wanted
    ]
    if strays:
        reopen(folder)
    deque(side_by_side(Location.remove, strays), maxlen=0)
    for place in (folder, folder / "shards", folder / "commits"):
        place.remove_partials()


@dataclass(frozen=True)
class Dataset:
    """A finished dataset, open for reading."""

    folder: Location
    info: DatasetInfo

    @property
    def schema(self) -> pa.Schema:
        """The columns of every shard."""
        return schema_for(self.info.conventions)

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


def why_no_dataset(claim_file: Location) -> str:
    """What a folder without `dataset.json` holds, and what to do."""
    if not claim_file.is_file():
        return f"holds no dataset: {DATASET_FILE} is missing. Make one with `ancestral prepare`."
    made_by = read_page(claim_file.read_text(), str(claim_file)).get("made_by")
    if made_by in WITHOUT_DATASET:
        return f"holds what `{made_by}` wrote of a dataset, not a dataset. Give the one that it was made of."
    return "is not finished; run the command that makes it again, it goes on where it stopped."


def open_dataset(folder: Location, kind: str = "") -> Dataset:
    """Open a finished dataset; `kind` ("audio" or "image") refuses the other one."""
    place = folder / DATASET_FILE
    if not place.is_file():
        raise DatasetError(f"{folder} {why_no_dataset(folder / PLAN_FILE)}")
    info = DatasetInfo.from_json(place.read_text(), str(place))
    if kind and info.conventions.kind != kind:
        raise DatasetError(f"{folder}: expected a dataset of kind {kind}, this one is of kind {info.conventions.kind}.")
    return Dataset(folder, info)
