"""Another process at work, as a test sees it: the files it writes, its own processes, and what it leaves when killed.

Whatever is looked at here may vanish meanwhile: a folder that is done with, a process that ends.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from pipeline.storage import PARTIAL_PREFIX


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Those that match now; none where a folder is removed while it is looked through, at which `glob` gives up."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(folder.glob(pattern))
    return []


def is_writing(folder: Path) -> bool:
    """Whether a file that is not whole yet lies in a folder."""
    try:
        return any(name.startswith(PARTIAL_PREFIX) for name in os.listdir(folder))  # noqa: PTH208  # for its speed
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def at_work(command: list[str], **settings: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that is killed at the latest when the block is left, by an error too."""
    process = subprocess.Popen(command, **settings)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def ctrl_c_once(is_time: Callable[[], object], after_s: float = 0) -> Iterator[None]:
    """Ctrl-C in the main thread, so long after it is time for it; none once the block is left."""
    is_over = threading.Event()

    def press() -> None:
        while not is_over.is_set() and not is_time():
            time.sleep(0.02)
        if not is_over.wait(after_s):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    try:
        yield
    finally:
        is_over.set()
        presser.join()


def command_lines() -> dict[int, bytes]:
    """Of all processes; nothing where there is no /proc."""
    lines = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            lines[int(folder.name)] = (folder / "cmdline").read_bytes()
    return lines


def with_words(words: str) -> list[str]:
    """The command lines that hold these words."""
    lines = (line.replace(b"\0", b" ").decode(errors="replace") for line in command_lines().values())
    return [line for line in lines if words in line]


def stat_of(pid: int) -> list[str]:
    """A process's line in the table of processes, from its state on (proc(5)); empty once it has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def parent_of(pid: int) -> int:
    """0 of a process that has none, or has gone."""
    stat = stat_of(pid)
    return int(stat[1]) if stat else 0


def is_running(pid: int) -> bool:
    """Whether it is there, and more than an entry that its parent has taken no note of."""
    return stat_of(pid)[:1] not in ([], ["Z"], ["X"])


def wait_until_gone(*pids: int) -> None:
    """Until none of them runs."""
    end = time.monotonic() + 30
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < end, f"the processes {left} go on"
        time.sleep(0.01)


def below(driver: int) -> dict[int, bytes]:
    """The command lines of a process and of all its descendants."""
    lines = command_lines()
    parents = {pid: parent_of(pid) for pid in lines}

    def is_below(pid: int) -> bool:
        return pid == driver or (pid in parents and is_below(parents[pid]))

    return {pid: line for pid, line in sorted(lines.items()) if is_below(pid)}


def end_all(processes: Collection[int]) -> None:
    """SIGKILL of what a killed driver leaves, which would go on writing to its folder for some seconds."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until_gone(*processes)


def ray_folder_of(pid: int) -> Path | None:
    """The folder of the local Ray that a process holds."""
    for link in files_in(Path(f"/proc/{pid}/fd")):
        with contextlib.suppress(OSError):  # it was closed meanwhile
            if (target := link.readlink()).name == "in-use":
                return target.parent
    return None


def remove_when_quiet(folder: Path | None) -> None:
    """Remove what a killed local Ray left, once its processes, which die with their driver, write no more."""
    num_quiet = 0
    while folder and num_quiet < 5:
        num_quiet = 0 if folder.exists() else num_quiet + 1
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)
