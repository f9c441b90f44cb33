"""What all parts of an export share, and the rows that a part is made of."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.naming import Naming
from pipeline.outputs.plan import Part
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.storage import Location

Row = dict[str, Any]

ROWS_AT_ONCE = 256
"""Of a shard; as Python objects they take many times what they take in the table."""


@dataclass(frozen=True)
class Job:
    """An export: what of, where to, how."""

    dataset: Dataset
    out: Location
    config: ExportConfig
    naming: Naming

    @property
    def conventions(self) -> Conventions:
        """What the levels mean."""
        return self.dataset.info.conventions

    @property
    def ending(self) -> str:
        """Of the files of recordings or pictures."""
        return self.config.audio if isinstance(self.conventions, AudioConventions) else "png"

    def batches(self, part: Part, columns: list[str] | None = None) -> Iterator[list[Row]]:
        """A part's rows, some at a time."""
        for index in range(part.first, part.end):
            yield from batches_of(self.dataset.read_shard(index, columns))

    def all_rows(self, columns: list[str]) -> Iterator[Row]:
        """The rows of the whole dataset."""
        for table in self.dataset.tables(columns):
            for batch in batches_of(table):
                yield from batch


def batches_of(table: pa.Table) -> Iterator[list[Row]]:
    """A table's rows by column, some at a time."""
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield batch.to_pylist()


def is_file_column(field: pa.Field) -> bool:
    """Whether a column holds levels or files, which no text can hold."""
    return bool(field.name == "levels" or pa.types.is_struct(field.type))


def json_columns(schema: pa.Schema) -> list[str]:
    """All columns that JSON can hold."""
    return [field.name for field in schema if not is_file_column(field)]


def plain_columns(schema: pa.Schema) -> list[str]:
    """Those that hold one value a row: what is known of an item, and nothing of its phones or frames."""
    return [field.name for field in schema if not is_file_column(field) and not pa.types.is_list(field.type)]


def as_json(row: Row, columns: list[str]) -> Row:
    """The columns of a row that say something; numbers that JSON has no word for are left out like nulls."""
    return {name: value for name in columns if (value := finite(row[name])) is not None}


def finite(value: Any) -> Any:
    """A value of a column with None in place of NaN and infinities, in lists as well."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return [finite(one) for one in value] if isinstance(value, list) else value
