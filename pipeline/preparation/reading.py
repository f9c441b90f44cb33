"""Reading an item's source: what is wrong with the file is the item's failure, what is wrong with storage is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ItemError, StorageError
from pipeline.storage import Location, explain

PASSING = (TimeoutError, ConnectionError, InterruptedError)
"""Errors that another try may not meet: they go up to whoever retries the shard."""


@contextmanager
def failures_of(source: str) -> Iterator[None]:
    """Turn "not there" and "may not be read" into the item's failure, at stage "read"."""
    try:
        yield
    except PASSING:
        raise
    except OSError as error:
        raise ItemError("read", explain(error, source)) from error
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, PASSING):
            raise ItemError("read", str(error)) from error
        raise


def local_or_bytes(source: str) -> Path | bytes:
    """The path of a local file, which libsndfile reads faster than bytes in memory; else the bytes."""
    place = Location(source)
    return place.local_path or place.read_bytes()
