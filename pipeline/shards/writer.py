"""One shard: rows to Parquet, then the commit."""

import io
import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shards.commit import Commit, Failure, Tally, checksum, shard_file, write_commit
from pipeline.shards.levels import bin_of, num_bins, unpack_levels
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import ATTRIBUTES, Conventions, ImageConventions, schema_for
from pipeline.storage import Location

Row = Mapping[str, Any]

ROWS_PER_GROUP = 64
"""Small enough that one row can be read without the whole shard, large enough that a scan is not slowed."""


NOT_REPEATED = ("levels", "audio", "image", "log_f0")
"""Columns in which hardly a value comes twice: a dictionary of them would only cost."""


def write_shard(  # noqa: PLR0913 (a shard and all that its commit tells of it)
    folder: Location,
    plan: ShardPlan[Any],
    rows: Sequence[Row],
    failures: Sequence[Failure],
    conventions: Conventions,
    notes: Mapping[str, int] | None = None,
    run: Mapping[str, Any] | None = None,
    *,
    fingerprints: Mapping[str, str] | None = None,
) -> Commit:
    """Write a shard and then its commit; a process killed between the two has proved nothing and the shard is redone.

    Rows are mappings by column (`schema.py`); missing columns become null.
    """
    started = time.time()
    data = parquet_bytes(rows, conventions)
    (folder / shard_file(plan.name)).write_bytes(data)
    commit = Commit(
        name=plan.name,
        plan_digest=plan.digest,
        num_rows=len(rows),
        num_bytes=len(data),
        sha256=checksum(data),
        tally=tally_of(rows, conventions),
        failures=tuple(failures),
        notes=dict(sorted((notes or {}).items())),
        fingerprints=dict(fingerprints or {}),
        run={"written_unix_s": started, "host": socket.gethostname(), **(run or {})},
    )
    write_commit(folder, commit)
    return commit


def parquet_bytes(rows: Sequence[Row], conventions: Conventions) -> bytes:
    """Rows as one Parquet file, the same bytes for the same rows."""
    schema = schema_for(conventions)
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    sink = io.BytesIO()
    dictionaries = [field.name for field in schema if field.name not in NOT_REPEATED]
    pq.write_table(
        table,
        sink,
        row_group_size=ROWS_PER_GROUP,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionaries,  # type: ignore[arg-type]  # a list of columns, which the stubs do not know
        write_page_checksum=True,
    )
    return sink.getvalue()


def tally_of(rows: Sequence[Row], conventions: Conventions) -> Tally:
    """Count rows, levels and values by split."""
    tally, num_levels = Tally(), conventions.num_levels
    channels = conventions.channels if isinstance(conventions, ImageConventions) else 1
    for row in rows:
        split = row["split"]
        tally.num_rows[split] += 1
        levels = unpack_levels(row["levels"], num_levels)
        tally.num_levels[split] += len(levels)
        count_values(tally, row)
        counts = tally.histograms.setdefault(split, np.zeros((channels, num_bins(num_levels)), np.int64))  # type: ignore[arg-type]
        for channel in range(channels):
            bins = bin_of(levels[channel::channels], num_levels)
            counts[channel] += np.bincount(bins, minlength=num_bins(num_levels))
    tally.histograms = {split: np.asarray(counts).tolist() for split, counts in tally.histograms.items()}
    return tally


def count_values(tally: Tally, row: Row) -> None:
    """Count the values of the columns that a model can be conditioned on."""
    for column in ATTRIBUTES:
        if row.get(column):
            tally.vocabularies.setdefault(column, Counter())[row[column]] += 1
    if row.get("phone"):
        tally.vocabularies.setdefault("phone", Counter()).update(row["phone"])
