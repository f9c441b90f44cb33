"""Files that a request names: where they lie, what they held, and what is said where they cannot be read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.errors import DatasetError, ItemError, PassingStorageError, RequestError, StorageError
from pipeline.storage import Location


def bytes_of(uri: str, most_bytes: int) -> bytes:
    """A whole file; ItemError for one that is longer than what it can be."""
    with Location(uri).open() as file:
        data: bytes = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ItemError("read", f"longer than {most_bytes:,} bytes")
    return data


@contextmanager
def told_at(where: str, uri: str, expected: str) -> Iterator[None]:
    """What goes wrong within, as a RequestError that says where the file is named and what was expected."""
    try:
        yield
    except PassingStorageError:
        raise
    except (StorageError, DatasetError) as error:
        raise RequestError(f"{where}: {error}") from error
    except ItemError as error:
        raise RequestError(f"{where}: {uri}: {error}; expected {expected}.") from error


def require_checksum(data: Mapping[str, Any], key: str, uri: str, sha256: str, where: str) -> None:
    """A RequestError where the request has a checksum for what `key` names, and the file now has another."""
    if (expected := data.get(f"{key}_sha256", sha256)) != sha256:
        raise RequestError(
            f"{where}: {key}_sha256 is {expected!r}, and what {uri} holds has {sha256}: it was changed. Give the "
            "file of that time, or leave the checksum out."
        )


def require_unchanged(uri: str, before: str, now: str, where: str) -> None:
    """A RequestError where a file is not what was checked."""
    if before != now:
        raise RequestError(f"{where}: {uri} was changed since the requests were checked; run the command again.")
