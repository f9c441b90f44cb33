"""The lines of a text file of a corpus, one at a time and none longer than memory should hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pipeline.items import BadItem
from pipeline.storage import Location, explained_as

MOST_LINE_BYTES = 2**20
"""About twenty minutes of timed phones; a longer line is no item, but a file of another kind."""

TOO_LONG = f"the line is longer than {MOST_LINE_BYTES} bytes; expected one item a line"


def numbered_lines(file: Location) -> Iterator[tuple[int, bytes | None]]:
    """Lines that hold something, with their numbers from 1; None stands for a line that is too long."""
    with file.open() as stream, explained_as(file.uri):
        yield from lines_in(stream)


def lines_in(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """`numbered_lines` of what is open already."""
    number = 0
    while line := stream.readline(MOST_LINE_BYTES + 1):
        number += 1
        is_whole = line.endswith(b"\n") or len(line) <= MOST_LINE_BYTES
        while not is_whole:
            rest = stream.readline(MOST_LINE_BYTES)
            is_whole = not rest or rest.endswith(b"\n")
            line = b""
        if not line:
            yield number, None
        elif not line.isspace():
            yield number, line


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text without its end; `where` names it in a failure."""

    where: str
    text: str


def text_lines(file: Location, path: str) -> Iterator[Line | BadItem]:
    """Lines that hold something, as UTF-8 text; `path` is the file's below the corpus, and names them.

    CRLF ends a line as LF does, a byte-order mark is no part of the first. A line that is too long or no UTF-8 is bad.
    """
    for number, line in numbered_lines(file):
        where = f"{path} line {number}"
        if line is None:
            yield BadItem(where, str(file), TOO_LONG)
            continue
        try:
            text = line.removesuffix(b"\n").decode("utf-8").rstrip("\r")
        except UnicodeDecodeError as error:
            reason = f"expected UTF-8 text, byte {error.start} cannot be read; re-encode the file"
            yield BadItem(where, str(file), reason)
            continue
        if text := text.removeprefix("\ufeff") if number == 1 else text:
            yield Line(where, text)
