"""The lines of a text file of a corpus, one at a time and none longer than memory should hold."""

from collections.abc import Iterator

from pipeline.storage import Location, explained_as

MOST_LINE_BYTES = 2**20
"""About twenty minutes of timed phones; a longer line is no item, but a file of another kind."""

TOO_LONG = f"the line is longer than {MOST_LINE_BYTES} bytes; expected one item a line"


def numbered_lines(file: Location) -> Iterator[tuple[int, bytes | None]]:
    """Lines that hold something, with their numbers from 1; None stands for a line that is too long."""
    with file.open() as stream, explained_as(file.uri):
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
            elif line.strip():
                yield number, line
