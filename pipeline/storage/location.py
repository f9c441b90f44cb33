"""A file or folder anywhere, and what can be done with it."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import fsspec
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.spec import AbstractBufferedFile

from pipeline.errors import MissingExtra, StorageError
from pipeline.storage.archives import opened
from pipeline.storage.local_files import (
    PARTIAL_PREFIX,
    remove_partials,
    remove_partials_below,
    write_and_link,
    write_and_rename,
)
from pipeline.storage.patient_reader import PatientReader
from pipeline.storage.read_ahead import ReadAhead
from pipeline.storage.refusals import explained, is_passing
from pipeline.storage.uris import ARCHIVES, is_uri, join
from pipeline.storage.walk import (
    FileEntry,
    depth_first,
    fingerprint,
    local_entry,
    local_identity,
    local_names,
    remote_children,
)

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""The extra that brings what a protocol needs."""


@dataclass(frozen=True, slots=True)
class Location:
    """A file or folder anywhere: its whole URI, or an absolute path where it is local."""

    uri: str

    def __truediv__(self, relative: str) -> "Location":
        """A place below this one. Only names that stay below it are taken."""
        parts = PurePosixPath(relative).parts
        if not parts or relative.startswith("/") or ".." in parts:
            raise StorageError(
                f"{relative!r} is no name of something below {self.uri}; expected a relative path without '..'."
            )
        return Location(join(self.uri, "/".join(parts)))

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self._path).name

    @property
    def local_path(self) -> Path | None:
        """The path on this machine's disk, or None where it is elsewhere."""
        return None if is_uri(self.uri) else Path(self.uri)

    @property
    def _fs(self) -> AbstractFileSystem:
        return open_filesystem(self.uri)[0]

    @property
    def _path(self) -> str:
        return open_filesystem(self.uri)[1]

    def exists(self) -> bool:
        """Whether a file or a folder stands here."""
        return self._type() != ""

    def is_file(self) -> bool:
        """Whether a file stands here."""
        return self._type() == "file"

    def is_folder(self) -> bool:
        """Whether a folder stands here."""
        return self._type() == "directory"

    @explained
    def _type(self) -> str:
        """What stands here, empty for nothing. fsspec's own `isfile` and `exists` take a time-out for nothing."""
        try:
            return str(self._fs.info(self._path)["type"])
        except (FileNotFoundError, NotADirectoryError):
            return ""

    @explained
    def size_bytes(self) -> int:
        """The size of the file."""
        return int(self._fs.size(self._path))

    @explained
    def fingerprint(self) -> str:
        """What changes when the file does, without reading it; empty where nothing stands here."""
        try:
            return fingerprint(self._fs.info(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return ""

    @explained
    def read_bytes(self) -> bytes:
        """The whole file."""
        return cast(bytes, self._fs.cat_file(self._path))

    @explained
    def read_range(self, start: int, num_bytes: int) -> bytes:
        """Bytes [start, start + num_bytes) of the file, fewer where it ends before; in one request where it is far."""
        try:
            return cast(bytes, self._fs.cat_file(self._path, start=start, end=start + num_bytes))
        except Exception as error:
            is_beyond = not isinstance(error, FileNotFoundError) and not is_passing(error)
            if is_beyond and start >= self._fs.size(self._path):
                return b""  # object stores refuse a range that begins where the object ends
            raise

    def read_text(self) -> str:
        """The whole file as UTF-8."""
        try:
            return self.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise StorageError(
                f"{self.uri}: expected UTF-8 text, byte {error.start} cannot be read; re-encode it."
            ) from error

    @explained
    def open(self, mode: str = "rb") -> IO[Any]:
        """The file, opened for reading."""
        if mode not in ("rb", "r"):
            raise ValueError(f"open is for reading, got mode {mode!r}; write with write_bytes, which is all or nothing")
        file = self._fs.open(self._path, mode)
        # A remote file has no `readline(limit)`, which bounds a hostile line; the standard buffer brings it.
        is_remote = isinstance(file, AbstractBufferedFile)
        return io.BufferedReader(PatientReader(file, self._patiently)) if is_remote else cast("IO[Any]", file)

    @explained
    def _patiently(self, read: Callable[[], int]) -> int:
        """One read of an open file, explained and retried."""
        return read()

    @explained
    def write_bytes(self, data: bytes) -> None:
        """Write the whole file or nothing of it."""
        self.refuse_archive()
        if self.local_path:
            write_and_rename(self.local_path, data)
        else:
            self._fs.pipe_file(self._path, data)

    @explained
    def create_bytes(self, data: bytes) -> bool:
        """Write the whole file where nothing stands; whether it was written. Of many writers at once, one is told True.

        Atomic on local disks (a hard link, which never replaces) and in stores that know conditional puts (S3:
        If-None-Match, GCS: generation 0). In others it is a look and then a put, which two writers can both win.
        After a lost answer the second try finds what the first wrote and says False: who needs to know reads it.
        """
        self.refuse_archive()
        if self.local_path:
            return write_and_link(self.local_path, data)
        self._fs.invalidate_cache(self._path)
        if self._type():  # servers that pass over the condition would replace the file
            return False
        try:
            self._fs.pipe_file(self._path, data, mode="create")
        except FileExistsError:
            return False
        return True

    @explained
    def open_upload(self) -> Any:
        """A file of a store that is there once `commit` is called, after `close`; `streams.py` uses it."""
        return self._fs.open(self._path, "wb", autocommit=False)

    def refuse_archive(self) -> None:
        """StorageError where this is in an archive."""
        if "::" in self.uri or self.uri.startswith(ARCHIVES):
            raise StorageError(f"{self.uri}: an archive can be read, not written; expected a folder or object store.")

    def write_text(self, text: str) -> None:
        """Write the whole file or nothing of it, as UTF-8."""
        self.write_bytes(text.encode("utf-8"))

    @explained
    def make_folder(self) -> None:
        """Make the folder and those above it; nothing happens where it stands already."""
        self._fs.makedirs(self._path, exist_ok=True)

    @explained
    def remove(self) -> None:
        """Remove the file; nothing happens where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path)

    @explained
    def remove_folder(self) -> None:
        """Remove the folder and all below it; nothing happens where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._path, recursive=True)

    @explained
    def names(self) -> list[str]:
        """Sorted names right below, unfinished writes left out; none where nothing stands."""
        try:
            # A folder of a million files is asked for its names by every layout: fsspec takes fifteen times as long.
            found = os.listdir(self.uri) if self.local_path else self._remote_names()  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in found if name and not name.startswith(PARTIAL_PREFIX))

    @explained
    def folder_names(self) -> list[str]:
        """Sorted names of the folders right below, links to folders among them; none where nothing stands."""
        try:
            if self.local_path:
                return [name[:-1] for name in local_names(self.uri) if name.endswith("/")]
            self._fs.invalidate_cache()
            found = self._fs.ls(self._path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        path = self._path.rstrip("/")
        folders = (entry["name"].rstrip("/") for entry in found if entry["type"] == "directory")
        return sorted(PurePosixPath(folder).name for folder in folders if folder != path)

    def _remote_names(self) -> list[str]:
        """What a store has right below; a file lists itself, and so does an object that stands for a folder."""
        self._fs.invalidate_cache()
        path = self._path.rstrip("/")
        entries = self._fs.ls(self._path, detail=False)
        return [PurePosixPath(entry).name for entry in entries if entry.rstrip("/") != path]

    def files(self) -> Iterator[FileEntry]:
        """Every file below, sorted by relative path, with a fingerprint that storage gives without reading it.

        Folder by folder, so that memory is bounded by the largest few: in a store that is one request a folder, and
        some are under way at once. A folder that may not be read is an error, not a gap; one that goes meanwhile is
        empty.
        """
        for entry in self._walked():
            if not PurePosixPath(entry.path).name.startswith(PARTIAL_PREFIX):
                yield entry

    def _walked(self) -> Iterator[FileEntry]:
        """Every file below. Stores answer many at once; an archive on a disk gains nothing from it."""
        if self.local_path:
            return depth_first(self._local_children, lambda folder: local_identity(f"{self.uri}/{folder}"))
        if getattr(self._fs, "async_impl", False):
            return ReadAhead(self._remote_children).files()
        return depth_first(self._remote_children, str)

    def _local_children(self, folder: str) -> Iterator[FileEntry | str]:
        """What lies in a folder below: files, and folders with "/" at the end, in order. Each is looked at in turn."""
        for name in self._local_names(folder):
            if name.endswith("/"):
                yield folder + name
            elif entry := self._local_entry(folder + name):
                yield entry

    @explained
    def _local_names(self, folder: str) -> list[str]:
        """A whole folder at once, apart from the generator, whose errors come too late to be explained or retried."""
        try:
            return local_names(f"{self.uri}/{folder}")
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _local_entry(self, path: str) -> FileEntry | None:
        """A local file, or none where it has just gone."""
        try:
            return local_entry(self.uri, path)
        except OSError:
            return self._patient_local_entry(path)

    @explained
    def _patient_local_entry(self, path: str) -> FileEntry | None:
        """The same once more, explained and retried: what that costs is not to be paid ten million times."""
        return local_entry(self.uri, path)

    @explained
    def _remote_children(self, folder: str) -> list[FileEntry | str]:
        """The same elsewhere, where a listing tells of files, too."""
        try:
            return remote_children(self._fs, self._path.rstrip("/"), folder)
        except (FileNotFoundError, NotADirectoryError):
            return []

    @explained
    def remove_partials(self) -> None:
        """Clear writes right below that a killed process left unfinished."""
        if self.local_path and self.local_path.is_dir():
            remove_partials(self.local_path)

    @explained
    def remove_partials_below(self) -> None:
        """The same right below and in all folders there."""
        if self.local_path and self.local_path.is_dir():
            remove_partials_below(self.local_path)


def locate(text: str, base: str = "") -> Location:
    """A path or URI as the user typed it, made absolute; `base` is where relative paths start (default: here)."""
    if is_uri(text):
        return Location(text.removeprefix("file://")) if text.startswith("file://") else Location(text.rstrip("/"))
    return Location(str(Path(os.path.normpath(Path(base or Path.cwd()) / Path(text).expanduser()))))


def open_filesystem(uri: str) -> tuple[AbstractFileSystem, str]:
    """The file system and the path in it."""
    if not is_uri(uri):
        return fsspec.filesystem("file", auto_mkdir=False), uri
    try:
        if uri.startswith(ARCHIVES) and "::" in uri:
            inside, _, archive = uri.partition("::")
            kind, _, path = inside.partition("://")
            return opened(kind, archive, Location(archive).fingerprint()), path.strip("/")
        return cast("tuple[AbstractFileSystem, str]", url_to_fs(uri))
    except ImportError as error:
        extra = EXTRAS.get(uri.partition("://")[0])
        how = f"install it, in the checkout, with: pip install '.[{extra}]'" if extra else "install it"
        raise MissingExtra(
            f"{uri}: this kind of storage needs a package that is not installed ({error}); {how}"
        ) from error
    except ValueError as error:
        raise StorageError(f"{uri}: not a URI that fsspec knows ({error}).") from error
