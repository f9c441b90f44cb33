"""Bounded items: one that hangs, eats memory or crashes a library costs itself and nothing else.

A shard is prepared in a child process that a `Guard` keeps for the next one. The child says which item it begins; the
guard looks ten times a second how long that has taken and how far the child has grown since. Past a limit, or where the
child has crashed, the child is killed and the shard begun again without that item. So nothing has to be undone,
and a shard's bytes still depend on its plan alone.
Traps: memory is the growth of resident memory while an item is at work, as rows of earlier items rightly stay; it is
read from /proc, and without one (macOS) not limited. A kill from outside (the kernel short of memory, an operator) is
at first nobody's fault: the shard is begun again, and the item is to blame when it happens at the same one three times.
An item's time includes what storage takes, retries included.
"""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from pipeline.guarding.guarded import NO_ITEM, REPORT, Work

SECONDS_BETWEEN_LOOKS = 0.1

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

MOST_KILLS = 3
"""From outside, at one item or between items, before they are taken for a fault of what runs."""

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from pipeline.guarding.guarded import serve; serve(*map(int, sys.argv[2:]))"
)
"""Not by multiprocessing, which would run the parent's main module again: in a Ray worker, Ray's."""


@dataclass(frozen=True)
class LimitsConfig:
    """What one item may take before it is given up."""

    item_s: float = 120.0
    """Storage's part is in it: pauses of up to half a minute between tries, beside the client's own time-outs."""
    item_memory_bytes: int = 2 * 2**30
    """Growth while the item is at work. Ten minutes of 48 kHz in stereo are 0.2 GiB of floats, with several copies."""

    def __post_init__(self) -> None:
        if not self.item_s > 0:
            raise ValueError(f"limits.item_s: expected more than 0, got {self.item_s!r}")
        if not self.item_memory_bytes > 0:
            raise ValueError(f"limits.item_memory_bytes: expected more than 0, got {self.item_memory_bytes!r}")


class ChildLost(Exception):
    """The child ended while it was at work on no item, and again when it was started anew."""


class Guard:
    """Runs work in a child process; used by one thread at a time. `close` ends the child, as the guard's own end does.

    Work is a function of an importable module, called with (report, condemned, *args): it calls `report(number)` as it
    begins an item and `report(NO_ITEM)` after the last, and passes over the numbers in `condemned`, which maps them to
    the reason to record. It may be begun several times, so it must not mind having been broken off anywhere.
    """

    def __init__(self) -> None:
        self._child: Child | None = None

    def run(self, function: Work, *args: Any, limits: LimitsConfig) -> Any:
        """The function's result, or the error that it raised; Ctrl-C and the like end the child and go up.

        Raises ChildLost where the child ends again and again and no item is to blame.
        """
        condemned: dict[int, str] = {}
        kills: Counter[int] = Counter()
        while True:
            try:
                return self._attempt((function, condemned, args), limits)
            except Breach as breach:
                if breach.from_outside or breach.index == NO_ITEM:
                    kills[breach.index] += 1
                    if kills[breach.index] < MOST_KILLS:
                        continue
                if breach.index == NO_ITEM or breach.index in condemned:
                    raise ChildLost(f"{function.__name__} {breach.reason}, at work on no item of the shard") from None
                condemned[breach.index] = breach.reason

    def _attempt(self, request: Any, limits: LimitsConfig) -> Any:
        """One try; whatever ends it but a result or an error of the function ends the child, too."""
        try:
            self._child = self._child or Child()
            is_result, outcome, trace = self._child.ask(request, limits)
        except BaseException:
            self.close()
            raise
        if is_result:
            return outcome
        outcome.add_note(f"In the process that prepares items:\n{trace}")
        raise outcome

    def close(self) -> None:
        """End the child; the next work starts another."""
        if self._child:
            self._child.end()
        self._child = None


class Breach(Exception):
    """The child must be, or is, at its end: the item that was at work, and what is to be recorded of it."""

    def __init__(self, index: int, reason: str, from_outside: bool = False) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason
        self.from_outside = from_outside


class Child:
    """The process and our ends of its pipes."""

    def __init__(self) -> None:
        self._work, work = Pipe()
        self._reports, reports = os.pipe()
        lifeline, alive = os.pipe()
        fds = (work.fileno(), reports, lifeline)
        arguments = [json.dumps(import_path()), *map(str, (*fds, parent_for_kernel()))]
        self._process = subprocess.Popen(  # noqa: S603  # ourselves
            [sys.executable, "-P", "-c", START, *arguments],
            stdin=subprocess.DEVNULL,
            pass_fds=fds,
            start_new_session=True,  # what the child itself has started goes with it
        )
        self.end = weakref.finalize(self, end, self._process, self._work, (self._reports, alive))
        work.close()
        os.close(reports)
        os.close(lifeline)
        os.set_blocking(self._reports, False)
        self._item = NO_ITEM
        self._begun = 0.0
        self._bytes_now = self._bytes_before = 0

    def ask(self, request: Any, limits: LimitsConfig) -> tuple[bool, Any, str]:
        """Send work, watch it, return the outcome. Raises Breach."""
        self._bytes_now = self._bytes_before = resident_bytes(self._process.pid)
        try:
            self._work.send_bytes(pickle.dumps(request))
            while not self._work.poll(SECONDS_BETWEEN_LOOKS):
                self._look(limits)
            outcome = pickle.loads(self._work.recv_bytes())  # noqa: S301
        except (EOFError, OSError):  # the pipe ends, before an answer or in the middle of one
            raise self._death() from None
        self._read_reports()
        if isinstance(outcome[1], MemoryError) and self._item != NO_ITEM:
            raise Breach(self._item, "took more memory than there is")
        self._item = NO_ITEM
        return cast("tuple[bool, Any, str]", outcome)

    def _look(self, limits: LimitsConfig) -> None:
        """Hold the item at work to its limits."""
        before = self._item
        self._read_reports()
        if self._item != before:
            self._bytes_before = self._bytes_now
        self._bytes_now = resident_bytes(self._process.pid)
        if self._item == NO_ITEM:
            return
        if time.monotonic() - self._begun > limits.item_s:
            raise Breach(self._item, f"took longer than {limits.item_s:g} s")
        if self._bytes_now - self._bytes_before > limits.item_memory_bytes:
            raise Breach(self._item, f"took more than {limits.item_memory_bytes / 2**30:.1f} GiB of memory")

    def _read_reports(self) -> None:
        """Take note of the item that was begun last, and when."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._reports, 4096 * REPORT.size):
                self._item, self._begun = REPORT.unpack(data[-REPORT.size :])

    def _death(self) -> Breach:
        """How the child ended and at which item."""
        self._read_reports()
        self.end()
        status = self._process.returncode
        if status < 0:
            how = f"crashed the process that read it ({signal.Signals(-status).name})"
            return Breach(self._item, how, from_outside=-status in FROM_OUTSIDE)
        return Breach(self._item, f"ended the process that read it (exit status {status})")


def end(process: "subprocess.Popen[bytes]", work: Connection, fds: tuple[int, int]) -> None:
    """Kill the child with all that it has started, and close our ends. How it ended by itself before is kept."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    work.close()
    for fd in fds:
        os.close(fd)


def import_path() -> list[str]:
    """Where the child is to find what this process finds: the current folder by its name, as that may change."""
    return [folder or str(Path.cwd()) for folder in sys.path]


def parent_for_kernel() -> int:
    """The process with which the kernel is to end the child; 0 where it would take this thread's end for it."""
    return os.getpid() if threading.current_thread() is threading.main_thread() else 0


def resident_bytes(pid: int) -> int:
    """The memory that a process has, 0 where that is not told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
