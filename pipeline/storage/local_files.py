"""Writing on a local disk, all or nothing: beside the place, synced, and then under its name.

Traps: a command that tidies up must not take away what another is writing, hence the lock; a disk may have no hard
links, or no locks.
"""

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PARTIAL_PREFIX = ".partial-"
"""Files of this name are writes that never finished; readers pass over them and `remove_partials` clears them."""

MOST_TAKEN = 10
"""How often a file may be cleared away between its making and its locking, which takes microseconds."""

WITHOUT_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
"""What a disk that has no hard links, or no more for this file, says when it is asked for one."""


def write_and_rename(path: Path, data: bytes) -> None:
    """Write beside the file, sync, rename over it; on any failure remove what was written."""
    for _ in range(MOST_TAKEN):
        with contextlib.suppress(FileNotFoundError), written_beside(path, data) as temporary:
            temporary.replace(path)
            return
    raise FileNotFoundError(errno.ENOENT, "what is written there is taken away again and again", str(path))


def write_and_link(path: Path, data: bytes) -> bool:
    """Write beside the file, sync, and give it the name if that is free: a link never replaces what stands."""
    with written_beside(path, data) as temporary:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in WITHOUT_LINKS:
                raise
            return write_exclusively(path, data)
        return True


def write_exclusively(path: Path, data: bytes) -> bool:
    """The same on a disk that has no hard links (FAT, some network shares): a reader may see half the file."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def written_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A synced temporary file of these bytes in the same folder; gone at the end, unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            lock(file)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
            yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def streamed_beside(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file to write to in the same folder, which takes the name when the block ends well; gone if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(path) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), 0o644)
        Path(file.name).replace(path)


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[IO[bytes]]:
    """A locked temporary file in the same folder, made again where it is cleared away before it is locked."""
    for _ in range(MOST_TAKEN):
        with tempfile.NamedTemporaryFile(prefix=PARTIAL_PREFIX, dir=path.parent, delete=False) as file:
            try:
                lock(file)
                if os.fstat(file.fileno()).st_nlink:
                    yield file
                    return
            finally:
                Path(file.name).unlink(missing_ok=True)
    raise FileNotFoundError(errno.ENOENT, "what is written there is taken away again and again", str(path))


def lock(file: IO[bytes]) -> bool:
    """Say that the file is being written, or find that its writer is alive: who ends lets go of its locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk without locks: what is left over is cleared all the same
        return True
    return True


def remove_partials(folder: Path) -> None:
    """Clear writes in a folder that a killed process left unfinished."""
    for leftover in folder.glob(PARTIAL_PREFIX + "*"):
        remove_unlocked(leftover)


def remove_partials_below(folder: Path) -> None:
    """The same in a folder and all below it; of its names, of which there may be millions, none is held."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove_partials_below(Path(entry.path))
            elif entry.name.startswith(PARTIAL_PREFIX):
                remove_unlocked(Path(entry.path))


def remove_unlocked(leftover: Path) -> None:
    """Remove an unfinished write, unless its writer is alive."""
    with contextlib.suppress(FileNotFoundError), leftover.open("rb") as file:
        if lock(file):
            leftover.unlink(missing_ok=True)
