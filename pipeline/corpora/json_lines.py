r"""JSON lines, one object each, plain or gzipped: what manifests are made of.

Traps: half a surrogate pair (`"\ud800"`) is valid JSON and no text; a gzip that was torn off says so only at its end,
and how many lines it lacks is not known, so that it is no corpus; NaN and numbers of any length are taken by Python.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from pipeline.corpora.lines import TOO_LONG, lines_in
from pipeline.errors import CorpusError
from pipeline.storage import Location, explained_as

GZIP = b"\x1f\x8b"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

SURROGATES = (b"\\ud", b"\\uD")
"""How half a pair has to be written: a line without these needs no closer look, which costs as much as parsing it."""

scan = json.JSONDecoder().raw_decode


def json_lines(file: Location) -> Iterator[tuple[int, bytes | None]]:
    """Lines that hold something, with their numbers from 1; None stands for a line that is too long.

    Content says whether the file is a gzip, whatever it is called. CorpusError where that is torn or damaged.
    """
    with file.open() as stream, explained_as(file.uri):
        is_packed = stream.read(2) == GZIP
        stream.seek(0)
        if not is_packed:
            yield from lines_in(stream)
            return
        try:
            yield from lines_in(cast(IO[bytes], io.BufferedReader(gzip.GzipFile(fileobj=stream))))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise CorpusError(f"{file}: a gzip file that cannot be unpacked ({error}); fetch it again.") from error


def json_object(line: bytes | None) -> dict[str, Any]:
    """A line as a JSON object of readable text; ValueError says what is wrong with it."""
    if line is None:
        raise ValueError(TOO_LONG)
    try:
        text = line.strip().removeprefix(BYTE_ORDER_MARK).decode()
        data, end = scan(text)
        if end != len(text):
            raise ValueError(f"there is more behind the object: {text[end : end + 20]!r}")
        if any(half in line for half in SURROGATES):
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON in UTF-8: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def first_object(file: Location) -> dict[str, Any]:
    """The object in the first line that holds something; an empty one where that is none."""
    try:
        return json_object(next(json_lines(file), (0, b"{}"))[1])
    except (ValueError, CorpusError):
        return {}


def finite(value: Any, name: str) -> float:
    """A number that is one; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise ValueError(f"expected {name} to be a number, got {value!r:.60}")
    return float(value)


def as_text(name: str, value: Any) -> str:
    """A field as text; numbers are taken as they are written. ValueError where it is neither."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected {name} to be text, got {value!r:.60}")
    return str(value)
