"""Batches made ready by a thread while the network works, so that a step does not wait for its data.

One thread, so that parts come in the order of steps. Torch and Arrow let go of the interpreter while they work.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from pipeline.training.parts import Part

SECONDS_BETWEEN_LOOKS = 0.1
"""How soon the thread sees that nobody wants what it has made ready."""


@dataclass(frozen=True)
class Taken:
    """A part, and how long it was waited for."""

    part: Part
    waited_s: float


class Ahead:
    """The parts of steps from `first` up to `last`, at most `depth` of them ready; 0 makes each as it is asked for.

    A context: leaving it ends the thread. What goes wrong in the thread is raised by the `take` that it concerns.
    """

    def __init__(self, make: Callable[[int], Part], first: int, last: int, depth: int) -> None:
        self.make, self.step, self.last = make, first, last
        self.is_closed = threading.Event()
        self.ready: queue.Queue[Part | BaseException] = queue.Queue(max(1, depth))
        self.thread = threading.Thread(target=self._work, args=(first,), name="prefetch", daemon=True)
        self.is_threaded = depth > 0 and first < last

    def __enter__(self) -> "Ahead":
        if self.is_threaded:
            self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.is_closed.set()
        if self.is_threaded:
            self.thread.join()

    def take(self) -> Taken:
        """The part of the next step."""
        started = time.monotonic()
        part = self._next_ready() if self.is_threaded else self.make(self.step)
        if isinstance(part, BaseException):
            raise part
        self.step += 1
        return Taken(part, time.monotonic() - started)

    def _next_ready(self) -> Part | BaseException:
        """What the thread has made ready; RuntimeError where it has ended and left nothing."""
        while True:
            try:
                return self.ready.get(timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                if not self.thread.is_alive() and self.ready.empty():
                    raise RuntimeError(f"nothing is made ready for step {self.step}: the thread has ended") from None

    def _work(self, first: int) -> None:
        for step in range(first, self.last):
            made = self._made(step)
            if not self._put(made) or isinstance(made, BaseException):
                return

    def _made(self, step: int) -> Part | BaseException:
        try:
            return self.make(step)
        except BaseException as error:
            return error

    def _put(self, made: Part | BaseException) -> bool:
        while not self.is_closed.is_set():
            try:
                self.ready.put(made, timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Full:
                continue
            return True
        return False
