"""Kaldi's text tables: `key value` a line, looked up by key while another of them is read.

Source: kaldi-asr.org, "Data preparation". Tables are meant to be sorted by key as bytes (`LC_ALL=C sort`), which is the
order of Python's texts, too. Where all are, they are read side by side and none is held; else those looked up in are
held whole, 0.3 KB a line of text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.corpora.lines import text_lines
from pipeline.items import BadItem
from pipeline.storage import Location


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; `where` names it in a failure."""

    where: str
    key: str
    value: str


def rows(folder: Location, path: str) -> Iterator[Row | BadItem]:
    """The rows of a table of the folder, in its order; none where there is no such table."""
    if (folder / path).is_file():
        for line in text_lines(folder / path, path):
            if isinstance(line, BadItem):
                yield line
            elif words := line.text.split(None, 1):
                yield Row(line.where, words[0], words[1].strip() if len(words) > 1 else "")


def is_sorted(folder: Location, path: str) -> bool:
    """Whether keys rise from row to row."""
    last = ""
    for row in rows(folder, path):
        if isinstance(row, Row):
            if row.key < last:
                return False
            last = row.key
    return True


class Table:
    """Values by key. What is wrong with the table, and keys that nobody asked for, are told at the end."""

    def __init__(self, folder: Location, path: str, is_merged: bool) -> None:
        self.bad: list[BadItem] = []
        self.unasked: list[Row] = []
        self._rows = self._good(rows(folder, path))
        self._held = {} if is_merged else {row.key: row for row in self._rows}
        self._next = next(self._rows, None)

    def _good(self, found: Iterator[Row | BadItem]) -> Iterator[Row]:
        """Rows; what is bad is put aside."""
        for row in found:
            if isinstance(row, Row):
                yield row
            else:
                self.bad.append(row)

    def get(self, key: str) -> str:
        """The value, "" where there is none. In a merged table keys are asked for in rising order."""
        while self._next and self._next.key < key:
            self._pass(self._next)
        if self._next and self._next.key == key:
            row: Row | None = self._next
            self._next = next(self._rows, None)
        else:
            row = self._held.pop(key, None)
        return row.value if row else ""

    def _pass(self, row: Row) -> None:
        """Leave a row behind that nobody asked for."""
        self.unasked.append(row)
        self._next = next(self._rows, None)

    def finish(self) -> None:
        """Nothing more will be asked for."""
        while self._next:
            self._pass(self._next)
        self.unasked += self._held.values()
