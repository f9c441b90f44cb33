"""Writing a file piece by piece, all or nothing: what is larger than memory should hold."""

import contextlib
from collections.abc import Iterator
from typing import IO, Any

from pipeline.storage.local_files import streamed_beside
from pipeline.storage.location import Location
from pipeline.storage.refusals import explained_as


@contextlib.contextmanager
def streamed(place: Location) -> Iterator[IO[bytes]]:
    """A file to write to; what was written stands under its name when the block ends well, and else nothing does.

    StorageError where storage refuses. What may pass (PassingStorageError) is not tried again here: the caller has to
    write all of it again.
    """
    place.refuse_archive()
    with explained_as(place.uri):
        opened = streamed_beside(place.local_path) if place.local_path else streamed_away(place)
        with opened as file:
            yield file


@contextlib.contextmanager
def streamed_away(place: Location) -> Iterator[IO[Any]]:
    """The same in a store: parts of an upload, which are an object once they are committed."""
    file = place.open_upload()
    try:
        yield file
        file.close()
        file.commit()
    except BaseException:
        with contextlib.suppress(Exception):  # what went wrong is told; parts that stay are the store's to expire
            file.discard()
        file.closed = True  # or what stands in its buffer would be uploaded when it is garbage
        raise
