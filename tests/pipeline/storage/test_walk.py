"""Walking folders: the order of a sorted list, one folder in memory, links followed and never round in circles."""

import errno
import os
import tracemalloc
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StorageError
from pipeline.storage import Location, locate
from pipeline.storage.walk import FileEntry, depth_first

names = st.text(st.sampled_from("ab.!-/0Zé\U0001f600"), min_size=1, max_size=12).filter(
    lambda text: all(part not in ("", ".", "..") for part in text.split("/"))
)


def paths(folder: Location) -> list[str]:
    return [entry.path for entry in folder.files()]


def without_clashes(found: set[str]) -> list[str]:
    """Paths of which none is a folder of another."""
    folders = {str(parent) for path in found for parent in PurePosixPath(path).parents}
    return sorted(found - folders)


@given(st.sets(names, max_size=12))
def test_the_order_is_that_of_the_whole_paths_sorted(found: set[str]) -> None:
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    expected = without_clashes(found)
    for path in expected:
        (locate("memory://walked") / path).write_bytes(path.encode())
    assert paths(locate("memory://walked")) == expected


@pytest.mark.parametrize("packed", [False, True])
def test_local_folders_and_archives_come_in_the_same_order(tmp_path: Path, packed: bool) -> None:
    expected = sorted(["a.txt", "a/b", "a/b.c/d", "a/b-c", "ab", "a-b/c", "z", "é/ü"])
    for path in expected:
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_bytes(b"")
    folder = locate(str(tmp_path / "tree"))
    if packed:
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
            for path in reversed(expected):
                archive.write(tmp_path / "tree" / path, f"inner/{path}")
        folder = locate(f"zip://inner::{tmp_path / 't.zip'}")
    assert paths(folder) == expected


def test_a_link_to_a_folder_is_followed_and_one_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "disk2/b").mkdir(parents=True)
    (tmp_path / "disk2/b/1.wav").write_bytes(b"12345")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/b").symlink_to(tmp_path / "disk2/b")
    (tmp_path / "corpus/c.wav").symlink_to(tmp_path / "disk2/b/1.wav")
    folder = locate(str(tmp_path / "corpus"))
    entries = list(folder.files())
    assert [(entry.path, entry.size_bytes) for entry in entries] == [("b/1.wav", 5), ("c.wav", 5)]
    assert {entry.fingerprint for entry in entries} == {(folder / "c.wav").fingerprint()}


def test_links_never_lead_round_in_circles(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_bytes(b"")
        (tmp_path / name / "up").symlink_to(tmp_path)
        (tmp_path / name / "itself").symlink_to(tmp_path / name / "itself")
    (tmp_path / "a/to_b").symlink_to(tmp_path / "b")
    (tmp_path / "b/to_a").symlink_to(tmp_path / "a")
    found = paths(locate(str(tmp_path)))
    assert [path for path in found if not path.endswith("itself")] == ["a/1", "a/to_b/1", "b/1", "b/to_a/1"]


def test_a_link_to_nothing_is_listed(tmp_path: Path) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (entry,) = locate(str(tmp_path)).files()
    assert (entry.path, entry.size_bytes) == ("gone.wav", 0)


def test_a_name_that_is_no_utf8_is_handed_on(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.wav")).write_bytes(b"1")
    assert paths(locate(str(tmp_path))) == ["\udcff.wav"]


def test_a_file_that_goes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"")
    found = []
    for entry in locate(str(tmp_path)).files():
        found.append(entry.path)
        (tmp_path / "b").unlink(missing_ok=True)
    assert found == ["a", "c"]


@pytest.mark.parametrize("call", ["scandir", "stat"])
def test_what_may_not_be_read_is_an_error_and_no_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/a").write_bytes(b"")
    plain = getattr(os, call)

    def refuse(path: str, *given: object) -> object:
        if "below/" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return plain(path, *given)

    monkeypatch.setattr(f"pipeline.storage.walk.os.{call}", refuse)
    if call == "stat":  # the folder's own is not what is tried here
        monkeypatch.setattr("pipeline.storage.location.local_identity", lambda folder: folder)
    with pytest.raises(StorageError, match="permission denied; check who owns it"):
        list(locate(str(tmp_path)).files())


def test_a_listing_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (locate("memory://asked") / "a/b").write_bytes(b"")
    listing: Any = MemoryFileSystem.ls
    asked: list[str] = []

    def ls(self: MemoryFileSystem, path: str, *given: object, **named: object) -> object:
        asked.append(path)
        if asked.count(path) == 1:
            raise TimeoutError
        return listing(self, path, *given, **named)

    monkeypatch.setattr("pipeline.storage.refusals.time.sleep", lambda _: None)
    monkeypatch.setattr(MemoryFileSystem, "ls", ls)
    assert paths(locate("memory://asked")) == ["a/b"]
    assert asked == ["/asked", "/asked", "/asked/a", "/asked/a"]


def test_one_folder_is_in_memory_at_a_time() -> None:
    def children(folder: str) -> list[FileEntry | str]:
        if folder:
            return [FileEntry(f"{folder}{number:08}", 0, "") for number in range(500)]
        return [f"{number:04}/" for number in range(400)]

    tracemalloc.start()
    num_files = sum(1 for _ in depth_first(children, str))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert num_files == 200_000
    assert most_bytes < 2**19, "more than a folder of 500 files stood in memory"


def test_a_tree_deeper_than_python_recurses_is_walked() -> None:
    def children(folder: str) -> list[FileEntry | str]:
        return [f"{folder}d/"] if len(folder) < 6000 else [FileEntry(f"{folder}f", 0, "")]

    assert [len(entry.path) for entry in depth_first(children, str)] == [6001]
