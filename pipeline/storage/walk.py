"""Walking a folder of storage, one sub-folder at a time: what `Location.files` is made of.

Files come in the order of their relative paths as text. A folder's entries sorted with "/" at the end of folders' names
give that order: "a.txt" < "a/b" < "ab", because "." < "/" < "b". So nothing is sorted but one folder, and no more than
the folders on the way down are in memory: 0.13 KB an entry on a local disk.
Traps: a link to a folder is followed, but not into a folder that it stands in; a link to nothing is a file of no bytes,
because what is listed but missing is still to be reported; a name need not be UTF-8 and is handed on as Python has it;
an object whose key has an empty part ("a//b") has no name that a path could give it and is passed over.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fsspec import AbstractFileSystem


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file as a listing shows it: path below the listed folder, size, and what changes when the file does."""

    path: str
    size_bytes: int
    fingerprint: str


def fingerprint(info: dict[str, Any]) -> str:
    """Size and modification time, or what the store has in its place: changes when the file does."""
    version = next(
        (info[key] for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created", "CRC") if key in info), ""
    )
    return f"{info.get('size')}:{version}"


def depth_first(
    children: Callable[[str], Iterable[FileEntry | str]], identity: Callable[[str], object]
) -> Iterator[FileEntry]:
    """Every file below "". `children` gives a folder's files and, as paths that end in "/", its folders, in order.

    A folder whose `identity` is that of one above it is passed over: its files have come or are coming.
    """
    above = [identity("")]
    stack = [iter(children(""))]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            above.pop()
        elif isinstance(child, FileEntry):
            yield child
        elif (own := identity(child)) not in above:
            above.append(own)
            stack.append(iter(children(child)))


def local_names(folder: str) -> list[str]:
    """Sorted names in a folder of this machine's disk, those of folders with "/" at the end."""
    with os.scandir(folder) as entries:
        return sorted(f"{entry.name}/" if leads_on(entry) else entry.name for entry in entries)


def leads_on(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def local_entry(root: str, path: str) -> FileEntry | None:
    """A file of this machine's disk as it is behind any links, or None where it has just gone."""
    place = f"{root}/{path}"
    try:
        found = os.stat(place)  # noqa: PTH116  # a Path each would double the time that ten million files take
    except PermissionError:
        raise
    except OSError:
        return dangling(place, path)
    return FileEntry(path, found.st_size, f"{found.st_size}:{found.st_mtime}")


def dangling(place: str, path: str) -> FileEntry | None:
    """A link that leads to nothing, or None where there is not even a link."""
    try:
        return FileEntry(path, 0, f"0:{os.lstat(place).st_mtime}")
    except FileNotFoundError:
        return None


def local_identity(folder: str) -> tuple[int, int] | str:
    """What stays the same whichever way a folder is come to."""
    try:
        found = os.stat(folder)  # noqa: PTH116
    except OSError:
        return folder
    return found.st_dev, found.st_ino


def remote_children(filesystem: AbstractFileSystem, root: str, folder: str) -> list[FileEntry | str]:
    """The same wherever fsspec reaches: one request, of which the file system is made to keep nothing."""
    place = f"{root}/{folder}".rstrip("/")
    filesystem.invalidate_cache(place)
    found: dict[str, FileEntry | str] = {}
    for info in filesystem.ls(place, detail=True):
        path = info["name"].rstrip("/")
        if path.strip("/") == place.strip("/"):
            continue  # a store's mark for the folder itself, or a file listed as if it were a folder
        name = path.rsplit("/", 1)[-1]
        below = f"{folder}{name}"
        if info["type"] == "directory":
            found[f"{name}/"] = f"{below}/"
        else:
            found[name] = FileEntry(below, int(info.get("size") or 0), fingerprint(info))
    filesystem.invalidate_cache(place)
    return [found[name] for name in sorted(found)]
