"""Rows are what pyarrow has them to be, however the table is cut and filtered."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rows import Rows

FIELDS: list[Any] = [
    ("text", pa.string()),
    ("levels", pa.binary()),
    ("phone", pa.list_(pa.string())),
    ("start", pa.list_(pa.int64())),
    ("stress", pa.list_(pa.uint8())),
    ("f0", pa.list_(pa.float32())),
    ("voiced", pa.list_(pa.bool_())),
]
SCHEMA = pa.schema(FIELDS)
NUMBERS = {"start", "stress", "f0", "voiced"}


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(values, max_size=5)


row = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=3),
        "levels": st.none() | st.binary(max_size=3),
        "phone": lists(st.sampled_from("ab")),
        "start": lists(st.integers(0, 99)),
        "stress": lists(st.integers(0, 255)),
        "f0": lists(st.integers(-4, 4).map(float)),
        "voiced": lists(st.booleans()),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(row, max_size=4), max_size=3), st.integers(0, 3), st.integers(1, 9))
def test_a_row_is_the_one_of_the_table(chunks: list[list[dict[str, Any]]], start: int, size: int) -> None:
    tables = [pa.Table.from_pylist(rows, schema=SCHEMA) for rows in chunks]
    table = (pa.concat_tables(tables) if tables else SCHEMA.empty_table()).slice(start, size)
    rows = Rows(table)
    assert len(rows) == table.num_rows
    for number, expected in enumerate(table.to_pylist()):
        found = rows[number]
        arrays = {name for name, value in found.items() if isinstance(value, np.ndarray)}
        assert arrays == {name for name in NUMBERS if expected[name] is not None}
        assert {name: value.tolist() if name in arrays else value for name, value in found.items()} == expected


def test_rows_end_where_the_table_ends() -> None:
    rows = Rows(pa.table({"start": pa.array([[1], [2, 3]])}))
    assert [list(row["start"]) for row in rows] == [[1], [2, 3]]  # type: ignore[attr-defined]
    for number in (2, -1):
        with pytest.raises(IndexError, match=f"row {number} of 2"):
            rows[number]
