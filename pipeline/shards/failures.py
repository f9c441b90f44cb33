"""The failures of a dataset as one table: what could not be used, at which stage, and why."""

import io
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shards.commit import Commit
from pipeline.shards.schema import FAILURE_SCHEMA


class FailureFile:
    """`failures.parquet`, written commit by commit so that the driver never holds all failures as objects."""

    def __init__(self) -> None:
        self.num_rows = 0
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, FAILURE_SCHEMA, compression="zstd")

    def __enter__(self) -> "FailureFile":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._writer.close()

    def add(self, commit: Commit) -> None:
        """Append the failures of one shard."""
        self.num_rows += len(commit.failures)
        if commit.failures:
            rows = [asdict(failure) for failure in commit.failures]
            self._writer.write_table(pa.Table.from_pylist(rows, schema=FAILURE_SCHEMA))

    def data(self) -> bytes:
        """The file's bytes, once closed."""
        return self._sink.getvalue()
