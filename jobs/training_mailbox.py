"""What the workers of a training run and its driver tell each other: an actor that holds the last of it."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError

from pipeline.training.metrics import Measured

SECONDS_BETWEEN_QUESTIONS = 0.5
"""How often rank 0 asks whether it should stop: Ctrl-C is answered within a second and a step."""


class News(NamedTuple):
    """The last figures, the notes since the last call, the error, if there is one, and how many work (0: none yet)."""

    measured: Measured | None = None
    notes: Sequence[str] = ()
    error: Exception | None = None
    num_workers: int = 0


class Mailbox:
    """News for the driver, a wish for the workers."""

    def __init__(self) -> None:
        self.latest: Measured | None = None
        self.notes: list[str] = []
        self.error: Exception | None = None
        self.is_stop_wished = False
        self.num_workers = 0

    def begin(self, num_workers: int) -> None:
        """So many workers train from now on."""
        self.num_workers = num_workers

    def tell(self, measured: Measured) -> None:
        """How far the run is."""
        self.latest = measured

    def note(self, text: str) -> None:
        """Something for a person."""
        self.notes.append(text)

    def fail(self, error: Exception) -> None:
        """What our own code raised on a worker: the first of it is the cause, the others come after it."""
        self.error = self.error or error

    def forget_error(self) -> None:
        """The workers are started again: what they raised before is past."""
        self.error = None

    def wish_stop(self) -> None:
        """The workers should write a checkpoint and stop."""
        self.is_stop_wished = True

    def stop_wished(self) -> bool:
        """Whether they should."""
        return self.is_stop_wished

    def news(self) -> News:
        """What the driver has not heard yet."""
        notes, self.notes = self.notes, []
        return News(self.latest, notes, self.error, self.num_workers)


def open_mailbox() -> Any:
    """A mailbox that takes nobody's place."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Mailbox).remote()


class Messenger:
    """Watches a run on rank 0 and tells the mailbox. A lost mailbox is no reason to stop training."""

    def __init__(self, mailbox: Any) -> None:
        self.mailbox = mailbox
        self.asked = time.monotonic()

    def measured(self, measured: Measured) -> None:  # noqa: D102
        self.mailbox.tell.remote(measured)

    def note(self, text: str) -> None:  # noqa: D102
        self.mailbox.note.remote(text)

    def stop_asked(self, step: int) -> bool:  # noqa: D102
        if time.monotonic() - self.asked < SECONDS_BETWEEN_QUESTIONS:
            return False
        self.asked = time.monotonic()
        with contextlib.suppress(RayError):
            return bool(ray.get(self.mailbox.stop_wished.remote(), timeout=10))
        return False
