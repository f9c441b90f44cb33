"""Many plans over few workers: bounded in flight, results as they come, the first application error ends it.

Lost workers and nodes are Ray's to retry (`max_retries`, `max_restarts`); an error that our code raised is not retried.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError, WorkerCrashedError

from pipeline.errors import AncestralError, ClusterError

Plan = TypeVar("Plan")

TASK_RETRIES = 5
"""How often a task is started again after its worker or node was lost."""


def fan_out(plans: Iterable[Plan], submit: Callable[[Plan], Any], max_in_flight: int) -> Iterator[Any]:
    """Run `submit(plan)` (which returns an object reference) for every plan; yield results as they finish.

    Plans are drawn one by one as places come free, so a stream of ten million never stands in memory.
    """
    stream = iter(plans)
    running: dict[Any, None] = {}
    try:
        while True:
            fill(running, stream, submit, max_in_flight)
            if not running:
                return
            for reference in ray.wait(list(running), num_returns=1)[0]:
                del running[reference]
                yield fetch(reference)
    finally:
        for reference in running:
            ray.cancel(reference, force=False)


def fill(running: dict[Any, None], stream: Iterator[Plan], submit: Callable[[Plan], Any], limit: int) -> None:
    """Start plans until the limit is reached or none is left."""
    while len(running) < limit:
        try:
            plan = next(stream)
        except StopIteration:
            return
        running[submit(plan)] = None


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

    stream = iter(plans)
    running: dict[Any, None] = {}
    while True:
        fill(running, stream, submit_to_free, depth * len(actors))
        if not running:
            return
        for reference in ray.wait(list(running), num_returns=1)[0]:
            del running[reference]
            free.append(holder.pop(reference))
            yield fetch(reference)


def fetch(reference: Any) -> Any:
    """A result, or the error that our own code raised, without Ray's wrapping around it."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, AncestralError):
            raise error.cause from None
        raise
    except (RayActorError, WorkerCrashedError) as error:
        raise ClusterError(
            f"a worker was lost again and again ({type(error).__name__}); a likely cause is too little memory. "
            "What is finished is kept: run the same command again, with smaller shards or fewer lanes."
        ) from error
    except RayError as error:
        raise ClusterError(f"Ray failed: {type(error).__name__}: {error}") from error
