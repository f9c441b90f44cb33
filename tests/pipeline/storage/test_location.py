import errno
import os
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pipeline.errors import MissingExtra, PassingStorageError, StorageError
from pipeline.storage import PARTIAL_PREFIX, Location, is_uri, locate
from pipeline.storage import location as storage


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A folder of each kind of storage that needs no server."""
    return locate(str(tmp_path)) if request.param == "local" else locate(f"memory://{tmp_path.name}")


def test_what_is_written_is_read(folder: Location) -> None:
    place = folder / "a b/ü.txt"
    place.write_text("Grüße\n")
    assert place.read_text() == "Grüße\n"
    assert place.size_bytes() == len("Grüße\n".encode())
    assert (place.exists(), place.is_file(), place.is_folder(), place.name) == (True, True, False, "ü.txt")
    assert (folder / "a b").is_folder()
    with place.open() as file:
        assert file.read(3) == b"Gr\xc3"
    place.write_bytes(b"again")
    assert place.read_bytes() == b"again"


@pytest.mark.parametrize(("start", "num_bytes"), [(0, 2), (2, 3), (3, 99), (5, 1), (99, 1), (1, 0)])
def test_a_range_is_what_a_slice_is(folder: Location, start: int, num_bytes: int) -> None:
    (folder / "a").write_bytes(b"hello")
    assert (folder / "a").read_range(start, num_bytes) == b"hello"[start : start + num_bytes]
    with pytest.raises(StorageError, match="does not exist"):
        (folder / "b").read_range(start, num_bytes)


def test_names_and_files_are_sorted(folder: Location) -> None:
    for name in ("b/2", "b/1", "a", "c/d/3"):
        (folder / name).write_bytes(name.encode())
    assert folder.names() == ["a", "b", "c"]
    assert [(entry.path, entry.size_bytes) for entry in folder.files()] == [
        ("a", 1),
        ("b/1", 3),
        ("b/2", 3),
        ("c/d/3", 5),
    ]
    assert (folder / "nothing").names() == []
    assert list((folder / "nothing").files()) == []
    assert (folder / "a").names() == [], "a file has nothing below it, and some stores list itself"


def test_a_fingerprint_changes_with_the_file(folder: Location) -> None:
    place = folder / "a"
    assert place.fingerprint() == ""
    place.write_bytes(b"1")
    before, (listed,) = place.fingerprint(), folder.files()
    assert (place.fingerprint(), next(folder.files())) == (before, listed)
    place.write_bytes(b"22")
    assert next(folder.files()).fingerprint != listed.fingerprint
    assert place.fingerprint() not in ("", before)
    assert (folder / "a" / "below").fingerprint() == ""


def test_removing_is_done_once_and_again(folder: Location) -> None:
    (folder / "x/a").write_bytes(b"")
    (folder / "x/b").write_bytes(b"")
    for _ in range(2):
        (folder / "x/a").remove()
    assert (folder / "x").names() == ["b"]
    for _ in range(2):
        (folder / "x").remove_folder()
    assert not (folder / "x/b").exists()


def test_what_is_missing_is_named(folder: Location) -> None:
    place = folder / "no/such"
    for read in (place.read_bytes, place.read_text, place.size_bytes, place.open):
        with pytest.raises(StorageError, match=r"no/such does not exist; check the path\."):
            read()
    assert not place.exists()


@pytest.mark.parametrize("name", ["", "..", "a/../..", "/etc", "../x", "."])
def test_only_what_lies_below_can_be_named(folder: Location, name: str) -> None:
    with pytest.raises(StorageError, match="no name of something below"):
        folder / name


def test_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(StorageError, match="expected UTF-8 text, byte 2"):
        locate(str(tmp_path / "a")).read_text()


class TestLocalWrites:
    """A local file is written beside its place and renamed."""

    @pytest.mark.parametrize("failing", ["replace", "fsync"])
    def test_a_write_that_fails_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        place = locate(str(tmp_path / "a"))
        place.write_bytes(b"old")

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(*((Path, "replace", full) if failing == "replace" else (os, "fsync", full)))
        with pytest.raises(StorageError, match="the disk is full; nothing is half-written"):
            place.write_bytes(b"new")
        monkeypatch.undo()
        assert place.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208

    def test_a_killed_write_is_no_file_and_can_be_cleared(self, tmp_path: Path) -> None:
        folder = locate(str(tmp_path))
        (tmp_path / f"{PARTIAL_PREFIX}x").write_bytes(b"half")
        (tmp_path / "whole").write_bytes(b"1")
        assert folder.names() == ["whole"]
        assert [entry.path for entry in folder.files()] == ["whole"]
        folder.remove_partials()
        assert [path.name for path in tmp_path.iterdir()] == ["whole"]

    def test_a_folder_in_the_way_is_explained(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(StorageError, match="a: Is a directory"):
            locate(str(tmp_path / "a")).write_bytes(b"x")

    def test_what_is_written_may_be_read_by_others(self, tmp_path: Path) -> None:
        (locate(str(tmp_path)) / "a").write_bytes(b"x")
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


class TestLocate:
    """What the user types."""

    def test_paths_become_absolute(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", "/home/ann")
        assert locate("a/../b/").uri == str(tmp_path / "b")
        assert locate("~/x").uri == "/home/ann/x"
        assert locate("x", base="/data").uri == "/data/x"
        assert locate("/y", base="/data").uri == "/y"
        assert locate("file:///data/x").local_path == Path("/data/x")

    def test_uris_stay_as_they_are(self) -> None:
        assert locate("s3://bucket/key/").uri == "s3://bucket/key"
        assert is_uri("zip://inner::outer")
        assert not is_uri("/plain/path")
        assert locate("memory://x").local_path is None

    @pytest.mark.parametrize(("uri", "expected"), [("nosuch://x", "not a URI that fsspec knows")])
    def test_an_unknown_protocol_is_named(self, uri: str, expected: str) -> None:
        with pytest.raises(StorageError, match=expected):
            locate(uri).exists()

    def test_a_missing_package_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def absent(_: str) -> Any:
            raise ImportError("Install gcsfs")

        monkeypatch.setattr(storage, "url_to_fs", absent)
        with pytest.raises(MissingExtra, match=r"needs a package that is not installed \(Install gcsfs\)"):
            locate("gs://x").exists()


def test_a_zip_file_is_a_folder_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("inner/a.txt", "hello")
    folder = locate(f"zip://inner::{tmp_path / 'c.zip'}")
    assert folder.names() == ["a.txt"]
    assert (folder / "a.txt").read_text() == "hello"


def test_a_client_library_s_own_error_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = type("ClientError", (Exception,), {"__module__": "botocore.exceptions"})

    def refuse(*_: object, **__: object) -> None:
        raise theirs("AccessDenied")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", refuse)
    with pytest.raises(StorageError, match="memory://x: storage refused: ClientError: AccessDenied"):
        locate("memory://x").read_bytes()


def test_an_error_of_our_own_stays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", broken)
    with pytest.raises(ZeroDivisionError):
        locate("memory://x").read_bytes()
    with pytest.raises(ValueError, match="open is for reading"):
        locate("memory://x").open("wb")


def theirs(name: str) -> Exception:
    """An error of a client library: named, and of no family of ours."""
    error: Exception = type(name, (Exception,), {"__module__": "botocore.exceptions"})()
    return error


PASSING = [
    TimeoutError("slow"),
    ConnectionResetError("gone"),
    OSError(errno.EBUSY, "SlowDown"),
    theirs("ReadTimeoutError"),
    theirs("EndpointConnectionError"),
    theirs("ServerDisconnectedError"),
]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr("pipeline.storage.refusals.time.sleep", waited.append)
    return waited


def are_growing(waited: list[float]) -> bool:
    """Whether they are the pauses that are meant, each half as much to half as much again."""
    return all(meant / 2 <= wait_s <= meant * 1.5 for wait_s, meant in zip(waited, (1, 4, 16), strict=True))


PIPE_FILE = MemoryFileSystem.pipe_file


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> None:
    """Let every write to memory fail so often."""
    write: Any = MemoryFileSystem.pipe_file
    left = [error] * times

    def pipe_file(self: MemoryFileSystem, *given: Any, **named: Any) -> None:
        if left:
            raise left.pop()
        write(self, *given, **named)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", pipe_file)


class TestPassing:
    """What another try may not meet is tried again, with pauses that grow, and not for ever."""

    @pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
    def test_it_passes(self, error: Exception, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        failing(monkeypatch, error, 3)
        locate("memory://passing").write_bytes(b"whole")
        assert locate("memory://passing").read_bytes() == b"whole"
        assert are_growing(waits)

    @pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
    def test_it_stays(self, error: Exception, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        failing(monkeypatch, error, 4)
        with pytest.raises(PassingStorageError, match="memory://stays"):
            locate("memory://stays").write_bytes(b"")
        assert are_growing(waits)

    def test_two_that_failed_together_come_back_apart(
        self, waits: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            failing(monkeypatch, TimeoutError("slow"), 3)
            locate("memory://apart").write_bytes(b"")
            monkeypatch.setattr(MemoryFileSystem, "pipe_file", PIPE_FILE)
        assert len(set(waits)) == 6

    @pytest.mark.parametrize("error", [PermissionError(), OSError(errno.ENOSPC, "full"), theirs("ClientError")])
    def test_what_will_not_pass_is_said_at_once(
        self, error: Exception, waits: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing(monkeypatch, error, 1)
        with pytest.raises(StorageError) as caught:
            locate("memory://stays").write_bytes(b"")
        assert not isinstance(caught.value, PassingStorageError)
        assert waits == []


@pytest.mark.parametrize("look", ["exists", "is_file", "is_folder"])
def test_a_time_out_is_not_taken_for_nothing(look: str, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    (locate("memory://looked") / "a").write_bytes(b"")
    place = locate("memory://looked" + "/a" * (look != "is_folder"))
    plain: Any = MemoryFileSystem.info
    left = [TimeoutError()]

    def info(self: MemoryFileSystem, *given: Any, **named: Any) -> Any:
        if left:
            raise left.pop()
        return plain(self, *given, **named)

    monkeypatch.setattr(MemoryFileSystem, "info", info)
    assert getattr(place, look)()
    assert len(waits) == 1


def test_an_archive_is_read_and_not_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("page.txt", "text")
    inside = locate(f"zip://::{tmp_path / 'a.zip'}")
    assert (inside / "page.txt").read_text() == "text"
    with pytest.raises(StorageError, match="an archive can be read, not written"):
        (inside / "other.txt").write_text("more")


def create_or_not(place: Location, data: bytes) -> bool:
    """One of many that race; a function of its own, so that it can be sent to a process."""
    return place.create_bytes(data)


class TestCreating:
    """A file is made where there is none, by one of all that try."""

    def test_what_stands_is_left(self, folder: Location) -> None:
        place = folder / "a/b"
        assert place.create_bytes(b"first")
        assert not place.create_bytes(b"second")
        assert place.read_bytes() == b"first"
        assert (folder / "a").names() == ["b"]

    @pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
    def test_one_of_many_writers_wins(
        self, tmp_path: Path, pool: type[ThreadPoolExecutor] | type[ProcessPoolExecutor]
    ) -> None:
        with pool(8) as writers:
            for number in range(10):
                place = locate(str(tmp_path / f"{number}"))
                told = list(writers.map(create_or_not, [place] * 8, [bytes([n]) * 10_000 for n in range(8)]))
                assert told.count(True) == 1
                assert place.read_bytes() == bytes([told.index(True)]) * 10_000
        assert len(list(tmp_path.iterdir())) == 10, "a temporary file was left"

    def test_a_disk_without_hard_links_will_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        place = locate(str(tmp_path / "a"))
        assert (place.create_bytes(b"first"), place.create_bytes(b"second")) == (True, False)
        assert place.read_bytes() == b"first"
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_an_archive_is_refused(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("page.txt", "text")
        with pytest.raises(StorageError, match="an archive can be read, not written"):
            (locate(f"zip://::{tmp_path / 'a.zip'}") / "other").create_bytes(b"")


def test_folders_are_told_from_files(folder: Location) -> None:
    for path in ("b/x.txt", "a/b/y.txt", "c.txt"):
        (folder / path).write_text("x")
    assert folder.folder_names() == ["a", "b"]
    assert folder.names() == ["a", "b", "c.txt"]
    assert (folder / "b").folder_names() == (folder / "none").folder_names() == (folder / "c.txt").folder_names() == []
