"""A storage that times out at every n-th call, whatever the call is: fsspec's in memory, or on a disk for processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

memory: Any = MemoryFileSystem
disk: Any = LocalFileSystem


class BadLine:
    """Counts calls, of which every so many fail."""

    every = 0
    num_calls = 0
    num_failed = 0

    @classmethod
    def call(cls) -> None:
        """One more."""
        cls.num_calls += 1
        if cls.every and cls.num_calls % cls.every == 0:
            cls.num_failed += 1
            raise TimeoutError("no answer")

    @classmethod
    def begin(cls, every: int) -> None:
        """Count anew."""
        cls.every, cls.num_calls, cls.num_failed = every, 0, 0


class FlakyFile(AbstractBufferedFile):
    """A file that is fetched block by block, as remote ones are."""

    DEFAULT_BLOCK_SIZE = 4096

    def _fetch_range(self, start: int, end: int) -> bytes:
        self.fs.call()
        return bytes(self.fs.store[self.path].getvalue()[start:end])


class FlakyFileSystem(BadLine, MemoryFileSystem):
    """Memory behind a bad line."""

    protocol = "flaky"
    store: dict[str, Any] = {}  # noqa: RUF012  # fsspec's memory shares its own in this way
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = MemoryFileSystem._strip_protocol(path.removeprefix("flaky://"))
        return stripped

    def open(self, path: str, mode: str = "rb", *given: Any, **named: Any) -> Any:
        self.call()
        if mode != "rb":
            return memory.open(self, path, mode, *given, **named)
        make: Any = FlakyFile
        return make(self, self._strip_protocol(path), size=memory.info(self, path)["size"])

    def info(self, path: str, **given: Any) -> Any:
        self.call()
        return memory.info(self, path, **given)

    def ls(self, path: str, detail: bool = True, **given: Any) -> Any:
        self.call()
        return memory.ls(self, path, detail, **given)

    def cat_file(self, path: str, *given: Any, **named: Any) -> Any:
        self.call()
        return bytes(self.store[self._strip_protocol(path)].getvalue())

    def pipe_file(self, path: str, *given: Any, **named: Any) -> Any:
        self.call()
        return memory.pipe_file(self, path, *given, **named)

    def rm_file(self, path: str) -> None:
        self.call()
        memory.rm_file(self, path)


@contextmanager
def flaky_storage(every: int) -> Iterator[type[FlakyFileSystem]]:
    """`flaky://` for the length of a block; it begins to fail where `every` is set, and no pause is waited for."""
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    FlakyFileSystem.store.clear()
    FlakyFileSystem.begin(every)
    try:
        yield FlakyFileSystem
    finally:
        FlakyFileSystem.every = 0
        FlakyFileSystem.store.clear()


class FlakyDisk(BadLine, LocalFileSystem):
    """A disk that several processes share, behind a bad line each; as remote stores, it makes folders as needed."""

    protocol: Any = "flaky-disk"

    def __init__(self, **given: Any) -> None:
        disk.__init__(self, **given | {"auto_mkdir": True})

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = LocalFileSystem._strip_protocol(path.removeprefix("flaky-disk://"))
        return stripped

    def open(self, path: str, *given: Any, **named: Any) -> Any:
        self.call()
        return disk.open(self, path, *given, **named)

    def info(self, path: str, **given: Any) -> Any:
        self.call()
        return disk.info(self, path, **given)

    def ls(self, path: str, detail: bool = False, **given: Any) -> Any:
        self.call()
        return disk.ls(self, path, detail, **given)

    def rm_file(self, path: str) -> None:
        self.call()
        disk.rm_file(self, path)


@contextmanager
def flaky_disk(every: int) -> Iterator[type[FlakyDisk]]:
    """`flaky-disk:///any/path` for the length of a block, in this process; no pause is waited for."""
    fsspec.register_implementation("flaky-disk", FlakyDisk, clobber=True)
    FlakyDisk.begin(every)
    with mock.patch("pipeline.storage.refusals.WAITS_S", (0.0,) * 3):
        try:
            yield FlakyDisk
        finally:
            FlakyDisk.every = 0
