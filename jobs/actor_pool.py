"""Many plans over a few actors: each plan goes to the one with the least to do, and to another if that is slow or lies.

An actor that is lost is Ray's to start again (`max_restarts`). One that is found to disagree with the model is put out
of the pool, with what it has made since it was last found right (`Quarantine`).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import ray

from jobs.fan_out import fetch, finished
from jobs.hedging import Hedges
from pipeline.errors import DisagreementError

Plan = TypeVar("Plan")


class ActorPool(Generic[Plan]):
    """Actors, by number, and what each has to do: up to `depth` plans, so that none idles between two.

    `submit(actor, plan)` returns an object reference.
    """

    def __init__(self, actors: Sequence[Any], submit: Callable[[Any, Plan], Any], depth: int) -> None:
        self._submit, self._depth = submit, depth
        self._actors = dict(enumerate(actors))
        self._out: dict[Any, tuple[int, Plan]] = {}

    @property
    def num_places(self) -> int:
        """How many plans may be out at once."""
        return self._depth * len(self._actors)

    def start(self, plan: Plan) -> Any:
        """Start a plan on the actor that has the least to do, one that does not have it already."""
        number = min(self._others(plan), key=self._load)
        reference = self._submit(self._actors[number], plan)
        self._out[reference] = number, plan
        return reference

    def has_idle(self, plan: Plan) -> bool:
        """Whether an actor that does not have this plan has nothing to do."""
        return any(self._load(number) == 0 for number in self._others(plan))

    def end(self, reference: Any) -> tuple[int, Plan]:
        """The actor and the plan of what has finished; its place is free, and that of the plan's other start.

        No more comes of that one: it was called back, or its actor was lost.
        """
        actor, plan = self._out[reference]
        self._out = {other: held for other, held in self._out.items() if held[1] is not plan}
        return actor, plan

    def has(self, number: int) -> bool:
        """Whether this actor is still in the pool."""
        return number in self._actors

    def retire(self, number: int) -> bool:
        """End an actor; what it had to do fails. Whether any other is left."""
        ray.kill(self._actors.pop(number))
        return bool(self._actors)

    def _others(self, plan: Plan) -> list[int]:
        holders = {number for number, held in self._out.values() if held is plan}
        return [number for number in self._actors if number not in holders]

    def _load(self, number: int) -> int:
        return sum(holder == number for holder, _ in self._out.values())


class Quarantine(Generic[Plan]):
    """What each actor has made since it was last compared with the model, for the case that it turns out to lie.

    `was_compared(result)`: whether making it held a comparison. `on_distrust(error, plans)` is told of an actor that
    disagrees, and which plans are to be made again.
    """

    def __init__(
        self, was_compared: Callable[[Any], bool], on_distrust: Callable[[DisagreementError, list[Plan]], None]
    ) -> None:
        self._was_compared, self._on_distrust = was_compared, on_distrust
        self._since: dict[int, list[Plan]] = {}

    def passed(self, actor: int, plan: Plan, result: Any) -> None:
        """An actor has made a plan, and where it was compared, rightly."""
        made = [] if self._was_compared(result) else [*self._since.get(actor, []), plan]
        self._since[actor] = made

    def distrust(self, actor: int, error: DisagreementError) -> list[Plan]:
        """The plans that an actor has made since it was last found right."""
        plans = self._since.pop(actor, [])
        self._on_distrust(error, plans)
        return plans


class Again(Iterator[Plan]):
    """A stream of plans into which some can be put back."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._plans = iter(plans)
        self._back: deque[Plan] = deque()

    def __next__(self) -> Plan:
        return self._back.popleft() if self._back else next(self._plans)

    def put_back(self, *plans: Plan) -> None:
        """These come next."""
        self._back.extend(plans)


def fan_out_actors(
    plans: Iterable[Plan],
    actors: Sequence[Any],
    submit: Callable[[Any, Plan], Any],
    depth: int = 2,
    *,
    hedge: bool = False,
    quarantine: Quarantine[Plan] | None = None,
) -> Iterator[Any]:
    """What the actors make of the plans, as it finishes, each once; plans are drawn as places come free.

    `hedge` starts the last ones a second time where they are slow and another actor idles. With a quarantine a
    DisagreementError puts its actor out of the pool; it is raised where no actor is left.
    """
    pool, stream = ActorPool(actors, submit, depth), Again(plans)
    start = Hedges(pool.start, pool.has_idle) if hedge else pool.start
    for reference in finished(stream, start, lambda: pool.num_places):
        actor, plan = pool.end(reference)
        if not pool.has(actor):
            stream.put_back(plan)
            continue
        try:
            result = fetch(reference)
        except DisagreementError as error:
            if quarantine is None:
                raise
            stream.put_back(plan, *quarantine.distrust(actor, error))
            if not pool.retire(actor):
                raise
            continue
        if quarantine is not None:
            quarantine.passed(actor, plan, result)
        yield result
