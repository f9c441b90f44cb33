"""The failures of a dataset as one table: what could not be used, at which stage, and why."""

import io
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shards.commit import Commit
from pipeline.shards.schema import FAILURE_SCHEMA

ROWS_PER_GROUP = 10_000
"""Held at a time. A group for each shard would cost 6 KB of memory, far more than the few rows that stand in it."""


class FailureFile:
    """`failures.parquet`, written piece by piece so that the driver never holds all failures as objects."""

    def __init__(self) -> None:
        self.num_rows = 0
        self._rows: list[dict[str, str]] = []
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, FAILURE_SCHEMA, compression="zstd")

    def __enter__(self) -> "FailureFile":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._write()
        self._writer.close()

    def add(self, commit: Commit) -> None:
        """Append the failures of one shard."""
        self.num_rows += len(commit.failures)
        self._rows += [asdict(failure) for failure in commit.failures]
        if len(self._rows) >= ROWS_PER_GROUP:
            self._write()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=FAILURE_SCHEMA))
        self._rows = []

    def data(self) -> bytes:
        """The file's bytes, once closed."""
        return self._sink.getvalue()
