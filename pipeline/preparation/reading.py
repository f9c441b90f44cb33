"""Reading an item's source: what is wrong with the file is the item's failure, what is wrong with storage is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import ItemError, PassingStorageError, StorageError
from pipeline.storage import Location, explain, is_passing

MOST_FILE_BYTES = 2**29
"""Read whole into memory: ten minutes of any usual recording, 64 megapixels of 16 bits with transparency."""


@contextmanager
def failures_of(source: str) -> Iterator[None]:
    """Turn "not there" and "may not be read" into the item's failure, at stage "read".

    What another try may not meet goes up as PassingStorageError, to whoever retries the shard.
    """
    try:
        yield
    except PassingStorageError:
        raise
    except OSError as error:
        if is_passing(error):
            raise PassingStorageError(explain(error, source)) from error
        raise ItemError("read", explain(error, source)) from error
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise ItemError("read", str(error)) from error
        raise


def local_or_bytes(source: str) -> Path | bytes:
    """The path of a local file, which libsndfile reads faster than bytes in memory; else the bytes."""
    place = Location(source)
    return place.local_path or bytes_of(place)


def bytes_of(place: Location) -> bytes:
    """The whole file, unless it is larger than any item's."""
    if (num_bytes := place.size_bytes()) > MOST_FILE_BYTES:
        raise ItemError("read", f"the file has {num_bytes} bytes; expected at most {MOST_FILE_BYTES}")
    return place.read_bytes()
