"""Reading a small file that belongs to one item (a text, a label file), whole and never more than it may be."""

from pipeline.errors import ItemError, PassingStorageError, StorageError
from pipeline.storage import Location, explained_as, retried


def read_small(source: str, most_bytes: int, stage: str) -> bytes:
    """The bytes of a file that has at most `most_bytes`; ItemError at `stage` where it has more or is not there.

    Storage that does not answer goes up as PassingStorageError: it is no fault of the item.
    """
    try:
        data = first_bytes(Location(source), most_bytes + 1)
    except PassingStorageError:
        raise
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise ItemError(stage, str(error)) from error
        raise
    except ValueError as error:  # a path with a NUL or half a surrogate pair is the name of no file
        raise ItemError(stage, f"{source!r} cannot be the name of a file: {error}") from error
    if len(data) > most_bytes:
        raise ItemError(stage, f"{source} has more than {most_bytes} bytes; expected what belongs to one utterance")
    return data


@retried
def first_bytes(place: Location, num_bytes: int) -> bytes:
    """As many bytes as there are up to `num_bytes`."""
    with place.open() as stream, explained_as(place.uri):
        return bytes(stream.read(num_bytes))
