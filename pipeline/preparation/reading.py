"""Reading an item's source: what is wrong with the file is the item's failure, what is wrong with storage is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from pipeline.audio.command import command_output
from pipeline.audio.decode import Recording, decode
from pipeline.audio.piece import Piece
from pipeline.corpora.packed import packed_bytes
from pipeline.errors import ItemError, PassingStorageError, StorageError
from pipeline.items import AudioItem
from pipeline.preparation.config import AudioConfig
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


def recording_of(item: AudioItem, config: AudioConfig) -> Recording:
    """An item's recording, or the piece of it that the item is."""
    with failures_of(item.source):
        return decode(source_of(item, config), config.longest_s, Piece(item.start_s, item.end_s, item.channel))


def source_of(item: AudioItem, config: AudioConfig) -> Path | bytes:
    """The path of a local file, which libsndfile reads faster than bytes in memory; else the bytes."""
    if item.container and item.container != "command":
        return packed_bytes(item)
    if not item.container and (path := Location(item.source).local_path):
        return path
    if item.start_s or item.end_s is not None:
        return shared_bytes(item.source, item.fingerprint, item.container == "command", config)
    return read_source(item.source, item.container == "command", config)


@lru_cache(maxsize=1)
def shared_bytes(source: str, fingerprint: str, is_command: bool, config: AudioConfig) -> bytes:
    """A file of which many items are pieces: the last one is kept, since a shard asks for piece after piece."""
    return read_source(source, is_command, config)


def read_source(source: str, is_command: bool, config: AudioConfig) -> bytes:
    """A file from storage, or what a command writes that stands for one."""
    if is_command:
        return command_output(source, config.allow_programs, MOST_FILE_BYTES, config.command_s)
    return bytes_of(Location(source))


def bytes_of(place: Location) -> bytes:
    """The whole file, unless it is larger than any item's."""
    if (num_bytes := place.size_bytes()) > MOST_FILE_BYTES:
        raise ItemError("read", f"the file has {num_bytes} bytes; expected at most {MOST_FILE_BYTES}")
    return place.read_bytes()
