"""The process that reads what strangers made: it may hang, grow or crash, and is not missed.

It is started by `guard.py` alone, with three pipes: one on which work comes and results go, one on which it says which
item it begins, and one that ends when its parent does. It imports nothing but what its work names.
"""

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import struct
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

NO_ITEM = -1
"""Reported once the last item is done: what follows is no item's doing, and is neither limited nor blamed on one."""

Report = Callable[[int], None]
"""Called with the number of each item as it is begun, and with NO_ITEM after the last."""

Work = Callable[..., Any]
"""A function of a module, called with a Report, the numbers and reasons of items to pass over, and its arguments."""

REPORT = struct.Struct("=qd")
"""The item's number and when it was begun, on the clock that all processes share."""

PR_SET_PDEATHSIG = 1


def serve(work_fd: int, reports_fd: int, lifeline_fd: int, parent: int) -> None:
    """Do what comes, one after the other, until the parent has no more."""
    die_with(parent, lifeline_fd)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a thousand bad files would leave a thousand core dumps
    with Connection(work_fd) as work, contextlib.suppress(EOFError):
        while True:
            work.send_bytes(answer(work.recv_bytes(), reporter(reports_fd)))


def answer(request: bytes, report: Report) -> bytes:
    """The pickled outcome of one request: True and the result, or False, the error and its traceback.

    Pickle never meets a file here: it is how two processes of one program, on one pipe of their own, speak.
    """
    try:
        function, condemned, args = pickle.loads(request)  # noqa: S301
        return pickle.dumps((True, function(report, condemned, *args), ""))
    except SystemExit as error:
        os._exit(
            error.code if isinstance(error.code, int) else 1
        )  # with our pipes still open, whose end would be taken for a kill
    except Exception as error:
        return pickle.dumps((False, portable(error), traceback.format_exc()))


def portable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot travel: some take more arguments than they keep."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def reporter(reports_fd: int) -> Report:
    """Say which item is begun: one small write that nobody has to wait for."""

    def report(index: int) -> None:
        os.write(reports_fd, REPORT.pack(index, time.monotonic()))

    return report


def die_with(parent: int, lifeline_fd: int) -> None:
    """End when the parent does, however it ends: the kernel sees to it on Linux, a thread at the pipe elsewhere.

    `parent` is 0 where the kernel is not to be asked: it takes the end of the thread that started us for the parent's.
    """
    threading.Thread(target=end_with, args=(lifeline_fd,), daemon=True).start()
    with contextlib.suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        if parent and prctl(PR_SET_PDEATHSIG, signal.SIGKILL) == 0 and os.getppid() != parent:
            os._exit(1)


def end_with(lifeline_fd: int) -> None:
    """Wait for the end of a pipe on which nothing is ever written."""
    os.read(lifeline_fd, 1)
    os._exit(1)


def unwatched(function: Work, *args: Any, condemned: Mapping[int, str] | None = None) -> Any:
    """Do the same work in this process, without limits: for tests, debuggers and profilers."""
    return function(lambda index: None, condemned or {}, *args)
