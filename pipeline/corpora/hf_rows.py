"""The bytes of one row of a Parquet file of recordings or pictures.

A shard asks for row after row: a file stays open at the last one, and is read on from there, a few rows at a time,
whatever size its row groups have (pandas writes a million rows in one). Going back starts the row group again.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.corpora.hf_columns import media_column
from pipeline.corpora.listing import stays_below
from pipeline.errors import ItemError, PassingStorageError
from pipeline.items import AudioItem, ImageItem
from pipeline.storage import Location, is_passing

BATCH_ROWS = 16

BUFFER_BYTES = 2**22
"""Read at once: a column of bytes is streamed, where pyarrow would fetch that of a whole row group."""

MOST_RECORD_BYTES = 2**29
"""As much as of a file of its own."""


def read_record(item: AudioItem | ImageItem) -> bytes:
    """The bytes of an item whose container is "parquet": those in the row, else those of the file that it names.

    Raises ItemError at stage "read" for what cannot be read; StorageError where storage refuses the file.
    """
    with damage_of(item.source):
        row = opened(item.source, item.fingerprint, isinstance(item, AudioItem)).row(item.record)
    data = row.get("bytes")
    if data is None:
        return read_beside(item.source, row.get("path") or "")
    if len(data) > MOST_RECORD_BYTES:
        raise ItemError("read", f"row {item.record} has {len(data)} bytes; expected at most {MOST_RECORD_BYTES}")
    return bytes(data)


@contextmanager
def damage_of(uri: str) -> Iterator[None]:
    """Turn what pyarrow finds wrong with a file into ItemError at stage "read"; storage's time-outs go up."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if is_passing(error):
            raise PassingStorageError(f"{uri}: storage does not answer ({error})") from error
        raise ItemError("read", f"{uri}: not Parquet that can be read: {error}") from error


def open_parquet(stream: IO[bytes]) -> pq.ParquetFile:
    """A Parquet file, so opened that columns of bytes are streamed."""
    return pq.ParquetFile(stream, buffer_size=BUFFER_BYTES, pre_buffer=False)


class OpenedFile:
    """A file that is read forwards from the row that was asked for last."""

    def __init__(self, place: Location, is_audio: bool) -> None:
        self._file = open_parquet(place.open())
        self._column = media_column(self._file.schema_arrow, "audio" if is_audio else "image")
        about = self._file.metadata
        sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
        self._starts = list(accumulate(sizes, initial=0))
        self._group = -1
        self._first = 0
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: Any = None

    def row(self, number: int) -> dict[str, Any]:
        """The bytes and path of a row; both may be null."""
        if not self._column or not 0 <= number < self._starts[-1]:
            raise ItemError("read", f"row {number} of a file that has {self._starts[-1]}: it has changed since")
        group = bisect_right(self._starts, number) - 1
        if group != self._group or number < self._first:
            self._go_to(group)
        while number >= self._first + len(self._batch):
            self._first += len(self._batch)
            self._batch = self._next_batch()
        return self._batch.column(0)[number - self._first].as_py() or {}

    def _go_to(self, group: int) -> None:
        """Begin a row group."""
        self._group, self._first = -1, self._starts[group]
        self._batches = self._file.iter_batches(BATCH_ROWS, row_groups=[group], columns=[self._column])
        self._batch = self._next_batch()
        self._group = group

    def _next_batch(self) -> Any:
        """The next rows of the row group."""
        batch = next(self._batches, None)
        if batch is None or not batch.num_rows:
            self._group = -1
            raise ItemError("read", "the row group ends before the rows that it promises: the file is damaged")
        return batch


@lru_cache(maxsize=2)
def opened(uri: str, fingerprint: str, is_audio: bool) -> OpenedFile:
    """A file that is open; the last two are kept."""
    return OpenedFile(Location(uri), is_audio)


def beside(uri: str, path: str) -> Location:
    """The file that a row names in place of bytes, below the folder of its Parquet file; ValueError elsewhere."""
    if not stays_below(path):
        raise ValueError(f"the row has no bytes, and its path {path[:200]!r} is no file below that of the Parquet file")
    first, *rest = uri.split("::")
    return Location("::".join([first[: first.rindex("/") + 1], *rest])) / path


def read_beside(uri: str, path: str) -> bytes:
    """The bytes of the file that a row names."""
    try:
        place = beside(uri, path)
    except ValueError as error:
        raise ItemError("read", str(error)) from error
    if (num_bytes := place.size_bytes()) > MOST_RECORD_BYTES:
        raise ItemError("read", f"{place} has {num_bytes} bytes; expected at most {MOST_RECORD_BYTES}")
    return place.read_bytes()
