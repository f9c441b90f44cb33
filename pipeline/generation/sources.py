"""Where requests come from: JSON Lines, CSV, Parquet, or a grid (YAML), each read as a stream.

    .csv               a row a request; the first line names the keys, an empty cell leaves its key out
    .parquet           a row a request; the columns name the keys, null leaves one out
    .yaml .yml         a grid (`grid.py`)
    anything else      JSON Lines: an object a line

Numbers, lists and objects stand in a cell of CSV as in JSON; in Parquet a text column may hold them so too.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import RequestError
from pipeline.generation.fields import TEXT_KEYS, plain_value
from pipeline.generation.grid import read_grid
from pipeline.generation.requests import parse_line
from pipeline.storage import Location, explained_as

MOST_LINE_BYTES = 2**20
"""A line longer than this is no request: about twenty minutes of phones fit."""

WHOLE_NUMBERS = ("count", "seed", "top_k", "num_timesteps")
"""What a table with empty cells keeps as 3.0 is 3."""

ROWS_AT_A_TIME = 1024

EXAMPLES = {
    "csv": "a first line that names the keys and a row for each request, such as the lines `label,count` and `3,10`",
    "parquet": "a row for each request, in columns named by the keys, such as label and count",
}
"""What is expected of a table; a grid without combinations is refused where its axes are read."""


class Entry(NamedTuple):
    """One request as it stands in its file. `number` counts lines or rows from 1, `where` is for messages."""

    number: int
    where: str
    data: Mapping[str, Any]


def entries_of(file: Location) -> Iterator[Entry]:
    """Every request of the file, one at a time, not checked yet; RequestError for what is none."""
    readers: dict[str, Callable[[Location], Iterator[Entry]]] = {
        "csv": csv_entries,
        "parquet": parquet_entries,
        "yaml": grid_entries,
        "yml": grid_entries,
    }
    with explained_as(file.uri):
        yield from readers.get(suffix_of(file), line_entries)(file)


def suffix_of(file: Location) -> str:
    """By which a file is known for what it is."""
    return file.uri.rpartition(".")[2].lower()


def without_requests(file: Location) -> RequestError:
    """What there is to say of a file that asks for nothing: what it should hold, being what it is."""
    expected = EXAMPLES.get(suffix_of(file), 'one a line, such as {"count": 2}')
    return RequestError(f"{file} holds no request; expected {expected}.")


def line_entries(file: Location) -> Iterator[Entry]:
    """Lines that hold something; blank ones are passed over."""
    with file.open() as stream:
        number = 0
        while line := stream.readline(MOST_LINE_BYTES + 1):
            number += 1
            where = f"{file}, line {number}"
            if len(line) > MOST_LINE_BYTES:
                raise RequestError(f"{where}: longer than {MOST_LINE_BYTES} bytes; split it.")
            if line.strip():
                yield Entry(number, where, parse_line(text_of_line(line, number, where), where))


def text_of_line(line: bytes, number: int, where: str) -> str:
    """A line's text; a byte order mark is no part of the first."""
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise RequestError(f"{where}: expected UTF-8 text ({error.reason}); re-encode the file.") from None


def csv_entries(file: Location) -> Iterator[Entry]:
    """Rows of a CSV file (RFC 4180), as its first line names them."""
    with file.open() as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        rows = csv_rows(file, text)
        header = next(rows, (0, []))[1]
        refuse_header(header, f"{file}, line 1")
        for number, (line, cells) in enumerate(rows, 1):
            where = f"{file}, line {line}"
            if len(cells) != len(header):
                raise RequestError(f"{where}: {len(cells)} cells, and the first line names {len(header)}.")
            yield Entry(number, where, data_of(dict(zip(header, cells, strict=True)), where))


def csv_rows(file: Location, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, with the line that each ends on."""
    reader = csv.reader(stream, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            raise RequestError(f"{file}, line {reader.line_num + 1}: expected CSV in UTF-8 ({error}).") from None
        if any(cells):
            yield reader.line_num, cells


def refuse_header(header: list[str], where: str) -> None:
    """Names of keys, each once."""
    if not all(header):
        raise RequestError(f"{where}: expected the names of the keys, as in label,count,seed; one is empty.")
    if twice := [name for name in header if header.count(name) > 1]:
        raise RequestError(f"{where}: the key {twice[0]!r} comes twice.")


def parquet_entries(file: Location) -> Iterator[Entry]:
    """Rows of a Parquet file, some at a time."""
    number = 0
    try:
        with file.open() as stream:
            for batch in pq.ParquetFile(stream).iter_batches(ROWS_AT_A_TIME):
                for row in batch.to_pylist():
                    number += 1
                    where = f"{file}, row {number}"
                    yield Entry(number, where, data_of(row, where))
    except pa.ArrowInvalid as error:
        raise RequestError(f"{file}: expected a Parquet file ({error}).") from None


def data_of(cells: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What a row of a table asks for: cells that hold something, as JSON would have them."""
    filled = {key: cell for key, cell in cells.items() if cell is not None and cell != ""}
    return {key: value_of(key, cell, where) for key, cell in filled.items()}


def value_of(key: str, cell: Any, where: str) -> Any:
    """A cell's value. Text is itself where its key means text, and JSON elsewhere if it is any."""
    if key in WHOLE_NUMBERS and isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if key in TEXT_KEYS or not isinstance(cell, str):
        return plain_value(key, cell)
    try:
        return json.loads(cell)
    except ValueError:
        return cell
    except RecursionError:
        raise RequestError(f"{where}: {key} is nested too deeply to be read.") from None


def grid_entries(file: Location) -> Iterator[Entry]:
    """The requests of a grid, in its order."""
    for number, data in enumerate(read_grid(file), 1):
        yield Entry(number, f"{file}, combination {number} ({data['id']})", data)
