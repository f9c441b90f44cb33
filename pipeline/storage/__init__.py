"""The one door to files: every path that the user gives is a `Location`, local or wherever fsspec reaches.

Writing is all or nothing: a local file is written beside its place, synced and renamed; an object store puts whole
objects by itself. A reader never sees half a file.
"""

from pipeline.storage.local_files import PARTIAL_PREFIX
from pipeline.storage.location import Location, locate, open_filesystem
from pipeline.storage.refusals import explain, explained_as, is_passing, retried
from pipeline.storage.streams import streamed
from pipeline.storage.uris import is_uri, join
from pipeline.storage.walk import FileEntry

__all__ = [
    "PARTIAL_PREFIX",
    "FileEntry",
    "Location",
    "explain",
    "explained_as",
    "is_passing",
    "is_uri",
    "join",
    "locate",
    "open_filesystem",
    "retried",
    "streamed",
]
