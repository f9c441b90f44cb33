"""Many plans over few workers: bounded in flight, results as they come, the first application error ends it.

Lost workers and nodes are Ray's to retry (`max_retries`, `max_restarts`); an error that our code raised is not retried.
A straggler (a slow disk, a node that swaps) need not hold up the end of a job: `jobs/hedging.py`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError, WorkerCrashedError

from jobs.hedging import SECONDS_BETWEEN_LOOKS, Hedges, cancel
from pipeline import errors
from pipeline.errors import AncestralError, ClusterError

Plan = TypeVar("Plan")

TASK_RETRIES = 5
"""How often a task is started again after its worker or node was lost."""


def fan_out(
    plans: Iterable[Plan], submit: Callable[[Plan], Any], max_in_flight: int, *, hedge: bool = False
) -> Iterator[Any]:
    """Run `submit(plan)` (which returns an object reference) for every plan; yield results as they finish.

    Plans are drawn one by one as places come free, so a stream of ten million never stands in memory. `hedge` starts
    the last ones a second time where they are slow: for work that may be done twice, even at once. Each yields once.
    """
    for reference in finished(plans, Hedges(submit) if hedge else submit, max_in_flight):
        yield fetch(reference)


def finished(plans: Iterable[Plan], submit: Callable[[Plan], Any], limit: int | Callable[[], int]) -> Iterator[Any]:
    """References of what has finished, well or badly, in the order of finishing; never more than `limit` are out.

    Where the reader ends early, what has not started yet is called back. `plans` may go on after it has ended: it is
    asked again as long as something is out.
    """
    most = limit if callable(limit) else lambda: limit
    if most() < 1:
        raise ValueError(f"at least one plan must be in flight, got a limit of {most()}")
    hedges = submit if isinstance(submit, Hedges) else None
    stream = iter(plans)
    running: dict[Any, None] = {}
    try:
        while True:
            is_drained = fill(running, stream, submit, most())
            if not running:
                break
            if hedges and is_drained and len(running) < most():
                running |= dict.fromkeys(hedges.start_again())
            for reference in wait_for_one(running, hedges if is_drained else None):
                del running[reference]
                if hedges is None or hedges.settle(reference, running):
                    yield reference
        if hedges:
            hedges.see_off()
    finally:
        cancel(running)


def wait_for_one(running: Iterable[Any], hedges: Hedges | None) -> list[Any]:
    """What has finished: one, or none where it is time to look for stragglers."""
    timeout = {"timeout": SECONDS_BETWEEN_LOOKS} if hedges else {}
    ready: list[Any] = ray.wait(list(running), num_returns=1, **timeout)[0]
    return ready


def fill(running: dict[Any, None], stream: Iterator[Plan], submit: Callable[[Plan], Any], limit: int) -> bool:
    """Start plans until the limit is reached or none is left; whether none is left."""
    while len(running) < limit:
        try:
            plan = next(stream)
        except StopIteration:
            return True
        running[submit(plan)] = None
    return False


def fetch(reference: Any) -> Any:
    """A result, or the error that our own code raised, without Ray's wrapping around it."""
    try:
        return ray.get(reference)
    except RayError as error:
        explained = explain_ray(error)
        if explained is error:
            raise
        raise explained from error


def explain_ray(error: RayError) -> Exception:
    """What Ray raised, as the error that a user can act on; a bug of ours stays as it is, with its traceback."""
    if isinstance(error, RayTaskError):
        if isinstance(error.cause, RayError):  # of what it was to be given: who makes that was lost
            return explain_ray(error.cause)
        return error.cause if isinstance(error.cause, AncestralError) else error
    if isinstance(error, RayActorError) and error.actor_init_failed:
        return our_error_in(str(error)) or error
    if isinstance(error, RayActorError | WorkerCrashedError | OutOfMemoryError):
        return ClusterError(
            f"a worker was lost again and again ({type(error).__name__}); a likely cause is too little memory. "
            "What is finished is kept: run the same command again, with smaller shards or fewer lanes."
        )
    return ClusterError(
        f"Ray failed: {type(error).__name__}: {error}. What is finished is kept: run the same command again."
    )


def our_error_in(text: str) -> AncestralError | None:
    """The error that an actor's constructor raised, of which Ray carries nothing but the printed traceback."""
    found = re.search(r"^pipeline\.errors\.(\w+): (.*)", text, re.MULTILINE | re.DOTALL)
    kind = getattr(errors, found[1], None) if found else None
    if not found or not isinstance(kind, type) or not issubclass(kind, AncestralError):
        return None
    return kind(found[2].strip())
