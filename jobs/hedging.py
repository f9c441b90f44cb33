"""Stragglers: once no plan is left to give out, the slowest of those that are out is started again elsewhere.

The first of the two to finish counts and the other is called back. Both may write: a shard's bytes depend on its plan
alone and are put in place whole, so it does not matter which of them did.
"""

import contextlib
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

SLOW = 3.0
"""Times the median of what has finished; tails of shards of equal work are far shorter."""

SLOW_S = 10.0
"""A plan is never slow before; starting it again would take longer than waiting for it."""

SECONDS_BETWEEN_LOOKS = 1.0

SECONDS_TO_END = 10.0
"""Given to what was called back, so that it writes no more when the dataset is finished. Ray interrupts a task between
two steps of Python: one that blocks in C goes on until it comes back, and one of an actor to its end."""

MEDIAN_OF = 1000
"""The last ones: a job of ten million plans keeps no more."""


class Hedges:
    """A `submit` that keeps in mind what is out and since when, and starts what is slow a second time.

    `may_start`: whether there is a place for a plan's second start that would not wait behind its first.
    """

    def __init__(self, submit: Callable[[Any], Any], may_start: Callable[[Any], bool] = lambda plan: True) -> None:
        self._submit = submit
        self._may_start = may_start
        self._out: dict[Any, tuple[Any, float]] = {}
        self._twins: dict[Any, Any] = {}
        self._took_s: deque[float] = deque(maxlen=MEDIAN_OF)
        self._beaten: list[Any] = []

    def __call__(self, plan: Any) -> Any:
        """Start a plan."""
        reference = self._submit(plan)
        self._out[reference] = plan, time.monotonic()
        return reference

    def start_again(self) -> list[Any]:
        """Start the plan that has been out longest a second time, if that is too long; the new reference, or none."""
        alone = (reference for reference in self._out if reference not in self._twins)
        first = min(alone, key=lambda reference: self._out[reference][1], default=None)
        if first is None or not self._is_slow(first) or not self._may_start(self._out[first][0]):
            return []
        second = self(self._out[first][0])
        self._twins |= {first: second, second: first}
        return [second]

    def _is_slow(self, reference: Any) -> bool:
        if not self._took_s:
            return False
        age_s = time.monotonic() - self._out[reference][1]
        return age_s > max(SLOW_S, SLOW * statistics.median(self._took_s))

    def settle(self, reference: Any, running: dict[Any, None]) -> bool:
        """Take note of what has finished; whether it counts. Its twin is called back, unless it has to stand in."""
        _, begun = self._out.pop(reference)
        twin = self._twins.pop(reference, None)
        if twin is None:
            self._took_s.append(time.monotonic() - begun)
            return True
        del self._twins[twin]
        if is_lost(reference):
            return False
        del running[twin], self._out[twin]
        cancel([twin])
        self._beaten.append(twin)
        return True

    def see_off(self) -> None:
        """Wait a while for what was called back."""
        if self._beaten:
            ray.wait(self._beaten, num_returns=len(self._beaten), timeout=SECONDS_TO_END)


def is_lost(reference: Any) -> bool:
    """Whether the worker was lost, so that the other one is still to be waited for."""
    try:
        ray.get(reference)
    except RayTaskError as error:
        return isinstance(error.cause, RayError)  # of what it was to be given
    except RayError:
        return True
    return False


def cancel(running: Iterable[Any]) -> None:
    """Call back what is still out; a Ray that has gone away has nothing left to call back."""
    for reference in running:
        with contextlib.suppress(RayError, RuntimeError):
            ray.cancel(reference, force=False)
