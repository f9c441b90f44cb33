"""Many plans over few workers: bounded in flight, results as they come, the first application error ends it.

Lost workers and nodes are Ray's to retry (`max_retries`, `max_restarts`); an error that our code raised is not retried.
"""

import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError, WorkerCrashedError

from pipeline import errors
from pipeline.errors import AncestralError, ClusterError

Plan = TypeVar("Plan")

TASK_RETRIES = 5
"""How often a task is started again after its worker or node was lost."""


def fan_out(plans: Iterable[Plan], submit: Callable[[Plan], Any], max_in_flight: int) -> Iterator[Any]:
    """Run `submit(plan)` (which returns an object reference) for every plan; yield results as they finish.

    Plans are drawn one by one as places come free, so a stream of ten million never stands in memory.
    """
    for reference in finished(plans, submit, max_in_flight):
        yield fetch(reference)


def fan_out_actors(
    plans: Iterable[Plan], actors: Sequence[Any], submit: Callable[[Any, Plan], Any], depth: int = 2
) -> Iterator[Any]:
    """The same over actors: each has up to `depth` plans waiting, so that none idles between two.

    `submit(actor, plan)` returns an object reference. An actor that comes free takes the next plan, whichever it is.
    """
    free = deque(actor for _ in range(depth) for actor in actors)
    holder: dict[Any, Any] = {}

    def submit_to_free(plan: Plan) -> Any:
        actor = free.popleft()
        reference = submit(actor, plan)
        holder[reference] = actor
        return reference

    for reference in finished(plans, submit_to_free, depth * len(actors)):
        free.append(holder.pop(reference))
        yield fetch(reference)


def finished(plans: Iterable[Plan], submit: Callable[[Plan], Any], limit: int) -> Iterator[Any]:
    """References of what has finished, well or badly, in the order of finishing; never more than `limit` are out.

    Where the reader ends early, what has not started yet is called back.
    """
    if limit < 1:
        raise ValueError(f"at least one plan must be in flight, got a limit of {limit}")
    stream = iter(plans)
    running: dict[Any, None] = {}
    try:
        while True:
            fill(running, stream, submit, limit)
            if not running:
                return
            for reference in ray.wait(list(running), num_returns=1)[0]:
                del running[reference]
                yield reference
    finally:
        cancel(running)


def fill(running: dict[Any, None], stream: Iterator[Plan], submit: Callable[[Plan], Any], limit: int) -> None:
    """Start plans until the limit is reached or none is left."""
    while len(running) < limit:
        try:
            plan = next(stream)
        except StopIteration:
            return
        running[submit(plan)] = None


def cancel(running: Iterable[Any]) -> None:
    """Call back what is still out; a Ray that has gone away has nothing left to call back."""
    for reference in running:
        with contextlib.suppress(RayError, RuntimeError):
            ray.cancel(reference, force=False)


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
