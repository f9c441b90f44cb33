"""The rows of a table, one at a time and thousands of times a second: a batch is made of rows from anywhere in a shard.

Arrow makes an object of each value of a list, which costs more than all that is done with the values afterwards. Here
a column of lists is one array, and a row's list a stretch of it.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

Cells = Callable[[int], Any]
"""Row number to the value of one column."""


class Rows:
    """A table by its rows; lists of numbers are arrays, all else is as Arrow has it; null is None."""

    def __init__(self, table: pa.Table) -> None:
        self._num_rows = table.num_rows
        self._columns = {name: cells_of(table.column(name)) for name in table.column_names}

    def __len__(self) -> int:
        return self._num_rows

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Row `number`, by column."""
        if not 0 <= number < self._num_rows:
            raise IndexError(f"row {number} of {self._num_rows}")
        return {name: cells(number) for name, cells in self._columns.items()}


def cells_of(column: pa.ChunkedArray) -> Cells:
    """How a column is read."""
    if pa.types.is_list(column.type) and is_number(column.type.value_type):
        return lists_of(column)
    return lambda number: column[number].as_py()


def is_number(kind: pa.DataType) -> bool:
    """Whether numpy has such values without an object for each."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def lists_of(column: pa.ChunkedArray) -> Cells:
    """How a column of lists of numbers is read."""
    whole: Any = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    offsets, is_there = whole.offsets.to_pylist(), whole.is_valid().to_pylist()
    values = whole.values.to_numpy(zero_copy_only=False)
    return lambda number: values[offsets[number] : offsets[number + 1]] if is_there[number] else None
