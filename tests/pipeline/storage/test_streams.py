"""Files written piece by piece: whole under their name, or not there."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.storage import Location, locate, streamed


def names(folder: Path) -> list[str]:
    """All of them, unfinished writes as well."""
    return sorted(file.name for file in folder.iterdir())


def write(place: Location, *pieces: bytes) -> None:
    """All pieces, and then break off where the last is empty."""
    with streamed(place) as file:
        for piece in pieces:
            file.write(piece)
        if not pieces[-1]:
            raise ValueError("broken off")


def test_what_is_streamed_stands_when_the_block_ends(tmp_path: Path) -> None:
    place = locate(str(tmp_path / "below/file"))
    with streamed(place) as file:
        for piece in (b"a", b"b" * 2**17, b"c"):
            file.write(piece)
        assert not place.exists()
        assert place.name not in (locate(str(tmp_path / "below"))).names()
    assert place.read_bytes() == b"a" + b"b" * 2**17 + b"c"
    assert names(tmp_path / "below") == ["file"]
    assert (tmp_path / "below/file").stat().st_mode & 0o777 == 0o644


def test_what_breaks_off_leaves_what_stood_before(tmp_path: Path) -> None:
    place = locate(str(tmp_path / "file"))
    place.write_text("before")
    with pytest.raises(ValueError, match="broken off"):
        write(place, b"after", b"")
    assert place.read_text() == "before"
    assert names(tmp_path) == ["file"]


def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full; nothing is half-written"):
        write(locate(str(tmp_path / "file")), b"some")
    assert names(tmp_path) == []


def test_writes_of_the_living_are_left_alone_by_who_tidies_up(tmp_path: Path) -> None:
    folder = locate(str(tmp_path))
    with streamed(folder / "file") as file:
        folder.remove_partials()
        file.write(b"whole")
    assert (folder / "file").read_bytes() == b"whole"


def test_an_archive_is_not_written_into(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="an archive can be read"):
        write(locate(f"zip://a::{tmp_path}/x.zip"), b"some")
