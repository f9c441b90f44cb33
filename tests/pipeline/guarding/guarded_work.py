"""Work that goes wrong in every way, as functions that a guard's child can import.

An item is a name of `DEEDS` and what it is given: ("ok", result), ("sleep", 600), ("once", path, "segfault").
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.guarding.guarded import NO_ITEM, Report


class Unportable(Exception):
    """An error that takes two arguments and keeps one, so that pickle cannot make it again."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)


def do_all(report: Report, condemned: Mapping[int, str], things: list[tuple[Any, ...]], after: str = "") -> list[Any]:
    """Do every item that is not condemned; its reason stands in the place of its result."""
    results: list[Any] = []
    for index, thing in enumerate(things):
        report(index)
        results.append(condemned[index] if index in condemned else do(*thing))
    report(NO_ITEM)
    if after:
        do(after)
    return results


def do(what: str, *given: Any) -> Any:
    """One thing."""
    return DEEDS[what](*given)


def block(seconds: int) -> None:
    """Hang in C with the interpreter's lock held, where no thread and no signal handler of Python's gets a turn."""
    ctypes.PyDLL(None).sleep(seconds)


def grow(num_bytes: int) -> None:
    """Allocate in steps, and touch what is allocated."""
    held = []
    for _ in range(0, num_bytes, 2**22):
        held.append(np.ones(2**22, np.uint8))


def once(path: str, *thing: Any) -> Any:
    """Do something the first time, nothing later."""
    if Path(path).exists():
        return "later"
    Path(path).touch()
    return do(*thing)


def fail(error: Exception) -> None:
    """Raise what was sent, or what cannot be sent."""
    raise error


def fail_unportably() -> None:
    raise Unportable("decode", "the file is odd")


def write_pid_and(path: str, *thing: Any) -> Any:
    """Say who this is, then do something."""
    Path(path).write_text(str(os.getpid()))
    return do(*thing)


def start_and_hang(path: str) -> None:
    """Start a process of one's own and hang."""
    pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")
    Path(path).write_text(str(pid))
    time.sleep(600)


DEEDS: dict[str, Callable[..., Any]] = {
    "ok": lambda result: result,
    "sleep": time.sleep,
    "block": block,
    "grow": grow,
    "segfault": lambda: ctypes.string_at(0),
    "exit": os._exit,
    "sys.exit": sys.exit,
    "kill": lambda number: os.kill(os.getpid(), number),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "raise": fail,
    "raise unportable": fail_unportably,
    "huge": lambda: np.ones(2**62, np.uint8),
    "once": once,
    "pid": os.getpid,
    "write pid": write_pid_and,
    "child": start_and_hang,
}
