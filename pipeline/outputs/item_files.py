"""Layouts of a file or two for each item: how those of a part are written, and the table of all items beside them."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from pipeline.media import audio_bytes, png_bytes
from pipeline.outputs.job import Job, Row, as_json, plain_columns
from pipeline.outputs.plan import Part
from pipeline.outputs.proof import Record, Written
from pipeline.shards.commit import checksum
from pipeline.shards.dataset import side_by_side
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location, retried, streamed

ITEMS = "items.jsonl"
"""The table: what the layout itself has no place for, and which file is which item."""


class ItemFile(NamedTuple):
    """A file of an item: its path below the export's folder, and what gives its bytes."""

    path: str
    make: Callable[[], bytes]


FilesOf = Callable[[Job, Row, Counter[str]], list[ItemFile]]
"""The files of a row, its recording or picture first; the counter numbers what is numbered, and is counted up."""

LinesOf = Callable[[Job, Row, str], str]
"""What a row adds to a table, given the path of its recording or picture."""


def media_file(job: Job, row: Row, stem: str) -> ItemFile:
    """The recording or picture of a row under a path without ending."""
    return ItemFile(f"{stem}.{job.ending}", partial(media_bytes, job, row))


def media_bytes(job: Job, row: Row) -> bytes:
    """The recording or picture of a row, made of its levels."""
    conventions = job.conventions
    if isinstance(conventions, AudioConventions):
        return audio_bytes(row["levels"], conventions, job.config.audio)
    return png_bytes(row["levels"], conventions)


def write_files(files_of: FilesOf, job: Job, part: Part) -> Iterator[Written]:
    """Write the files of a part, several at once: a disk that is asked to sync each, or a store, takes its time."""
    numbers = Counter(part.utterances)
    for rows in job.batches(part, [*plain_columns(job.dataset.schema), "levels"]):
        files = [file for row in rows for file in files_of(job, row, numbers)]
        yield from side_by_side(partial(write_file, job.out), files)


def write_file(out: Location, file: ItemFile) -> Written:
    """Write one file, whole or not at all."""
    data = file.make()
    (out / file.path).write_bytes(data)
    return Written(file.path, checksum(data), len(data))


def paths_of(files_of: FilesOf, job: Job, part: Part) -> Iterator[str]:
    """The paths of the files of a part, for which no levels are read."""
    numbers = Counter(part.utterances)
    for rows in job.batches(part, plain_columns(job.dataset.schema)):
        yield from (file.path for row in rows for file in files_of(job, row, numbers))


@retried
def write_tables(files_of: FilesOf, tables: Sequence[tuple[str, LinesOf]], job: Job, records: Sequence[Record]) -> None:
    """Write tables with a line or so for each row, in the order of the dataset, one shard of it in memory at a time."""
    columns, numbers = plain_columns(job.dataset.schema), Counter[str]()
    with contextlib.ExitStack() as stack:
        streams = [(stack.enter_context(streamed(job.out / name)), lines_of) for name, lines_of in tables]
        for row in job.all_rows(columns):
            path = files_of(job, row, numbers)[0].path
            for stream, lines_of in streams:
                stream.write(lines_of(job, row, path).encode())


def item_line(job: Job, row: Row, path: str) -> str:
    """The line of `items.jsonl`: the file's path, and all that is known of the item but its phones and frames."""
    known = {"file": path, **as_json(row, list(row))}
    return json.dumps(known, ensure_ascii=False) + "\n"
