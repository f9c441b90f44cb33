"""Archives as folders, zip and tar: fsspec's file systems with what a corpus in an archive needs beside.

- An archive is opened once for all that is read from it, and again when it has changed. fsspec opens a tar for each use
  of it, which is to read all its headers each time, and goes on with a zip that was replaced as if it were the old one.
- A folder is listed from a table of folders, where fsspec looks through all names for each folder.
- Names in a tar begin where the corpus does, without the "./" that `tar -cf x.tar .` gives them.
"""

import re
from functools import lru_cache
from typing import Any, cast

from fsspec import AbstractFileSystem
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.implementations.tar import TarFileSystem
from fsspec.implementations.zip import ZipFileSystem

HERE = re.compile(r"^(\.?/)+|^\.$")
"""What names may begin with and does not matter: "./", "/", and "." for the folder itself."""


ZipFiles: Any = ZipFileSystem  # fsspec has no types
TarFiles: Any = TarFileSystem


class Tabled(AbstractArchiveFileSystem):
    """An archive whose folders are looked up."""

    cachable = False
    _table: dict[str, list[dict[str, Any]]] | None = None

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What lies right below a folder; a file lists itself; FileNotFoundError where nothing stands."""
        place = path.strip("/")
        below = self.table().get(place)
        if below is None:
            found = AbstractArchiveFileSystem.info(self, place)
            below = [] if found["type"] == "directory" else [found]
        return below if detail else [info["name"] for info in below]

    def table(self) -> dict[str, list[dict[str, Any]]]:
        """What lies right below, by folder."""
        if self._table is None:
            table: dict[str, list[dict[str, Any]]] = {}
            for name, info in self.entries().items():
                if name:
                    table.setdefault(name.rpartition("/")[0], []).append(info)
            self._table = table
        return self._table

    def entries(self) -> dict[str, dict[str, Any]]:
        """Every file and folder by name."""
        files: Any = self
        files._get_dirs()
        return dict(files.dir_cache)

    def _open(self, path: str, *given: Any, **named: Any) -> Any:
        files: Any = super()
        file = files._open(path, *given, **named)
        file.archive = self  # which closes when it goes, and must not while a file of it is read
        return file


class Zip(Tabled, ZipFiles):
    """A zip as a folder."""


class Tar(Tabled, TarFiles):
    """A tar as a folder, compressed or not; of a compressed one all before a file is unpacked to reach it."""

    def _index(self) -> None:
        super()._index()
        files: Any = self
        bare = ((HERE.sub("", name), entry) for name, entry in files.index.items())
        files.index = {name: ({**info, "name": name}, *rest) for name, (info, *rest) in bare if name}


KINDS: dict[str, Any] = {"zip": Zip, "tar": Tar}


@lru_cache(maxsize=4)
def opened(kind: str, archive: str, fingerprint: str) -> AbstractFileSystem:
    """The archive at a path or URI; `fingerprint` is the file's, so that a changed one is opened anew."""
    files = KINDS[kind](fo=archive)
    table = files.table()  # made before several threads ask for it: fsspec's own is seen by others while it is filled
    if kind == "tar":
        mark_versions([info for below in table.values() for info in below if info["type"] == "file"], fingerprint)
    return cast(AbstractFileSystem, files)


def mark_versions(infos: list[dict[str, Any]], archive_version: str) -> None:
    """Let files of a tar that all bear one time, as reproducible tools write it, change whenever the archive does.

    Their time says of none that it has changed.
    """
    if len({info["mtime"] for info in infos}) == 1:
        for info in infos:
            info["ETag"] = archive_version
