"""Many plans over a few actors: each plan goes to the one with the least to do, and to another if that is slow or lies.

An actor that is lost is Ray's to start again (`max_restarts`). One that is found to disagree with the model is put out
of the pool, with what it has made since it was last found right (`jobs/quarantine.py`).
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ray

from jobs.fan_out import fetch, finished
from jobs.hedging import Hedges
from jobs.quarantine import Helpers, Makers, NoHelpers, Quarantine
from pipeline.errors import DisagreementError

Plan = TypeVar("Plan")

NO_HELPERS = NoHelpers()


@dataclass(frozen=True)
class Ended(Generic[Plan]):
    """A plan that has ended, who made it, and who else had begun with it: it may be theirs that stands."""

    makers: Makers
    plan: Plan
    others: Makers


class ActorPool(Generic[Plan]):
    """Actors, by number, and what each has to do: up to `depth` plans, so that none idles between two.

    `submit(actor, plan)` returns an object reference.
    """

    def __init__(
        self, actors: Sequence[Any], submit: Callable[[Any, Plan], Any], depth: int, helpers: Helpers = NO_HELPERS
    ) -> None:
        self._submit, self._depth, self._helpers = submit, depth, helpers
        self._actors: dict[Hashable, Any] = dict(enumerate(actors))
        self._out: dict[Any, tuple[Hashable, Makers, Plan]] = {}
        self._trusts_helpers = True

    @property
    def num_places(self) -> int:
        """How many plans may be out at once."""
        return self._depth * len(self._actors)

    def start(self, plan: Plan) -> Any:
        """Start a plan on the actor that has the least to do, one that does not have it already."""
        number = min(self._others(plan), key=self._load)
        reference = self._submit(self._actors[number], plan)
        self._out[reference] = number, self._helpers.of(reference), plan
        return reference

    def has_idle(self, plan: Plan) -> bool:
        """Whether an actor that does not have this plan has nothing to do."""
        return any(self._load(number) == 0 for number in self._others(plan))

    def end(self, reference: Any) -> "Ended[Plan]":
        """Who has finished what; its place is free, and that of the plan's other start.

        No more comes of that one: it was called back, or its actor was lost.
        """
        number, helpers, plan = self._out.pop(reference)
        others = [(other, *by) for other, by, held in self._out.values() if held is plan]
        self._out = {other: held for other, held in self._out.items() if held[2] is not plan}
        return Ended((number, *helpers), plan, [maker for makers in others for maker in makers])

    def trusts(self, makers: Makers) -> bool:
        """Whether all of these are still in the pool."""
        number, *helpers = makers
        return number in self._actors and (self._trusts_helpers or not helpers)

    def put_out(self, makers: Makers) -> bool:
        """End the actor; what it had to do fails. Whether any other is left.

        Where it had help, its helpers are given up instead, since it is not known who of them is wrong: if it was the
        actor, the first that it makes alone tells.
        """
        number, *helpers = makers
        if helpers:
            self._helpers.give_up()
            self._trusts_helpers = False
        else:
            ray.kill(self._actors.pop(number))
        return bool(self._actors)

    def _others(self, plan: Plan) -> list[Hashable]:
        holders = {number for number, _, held in self._out.values() if held is plan}
        return [number for number in self._actors if number not in holders]

    def _load(self, number: Hashable) -> int:
        return sum(holder == number for holder, _, _ in self._out.values())


class Again(Iterator[Plan]):
    """A stream of plans into which some can be put back; it ends once `is_over`."""

    def __init__(self, plans: Iterable[Plan], is_over: Callable[[], bool] = lambda: False) -> None:
        self._plans, self._is_over = iter(plans), is_over
        self._back: deque[Plan] = deque()

    def __next__(self) -> Plan:
        if self._is_over():
            raise StopIteration
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
    helpers: Helpers = NO_HELPERS,
) -> Iterator[Any]:
    """What the actors make of the plans, as it finishes, each once; plans are drawn as places come free, if they are
    an `Again` as long as that is not over.

    `hedge` starts the last ones a second time where they are slow and another actor idles. With a quarantine a
    DisagreementError puts its actor out of the pool, or the helpers that it had; it is raised where no actor is left.
    """
    pool, stream = ActorPool(actors, submit, depth, helpers), plans if isinstance(plans, Again) else Again(plans)
    start = Hedges(pool.start, pool.has_idle) if hedge else pool.start
    for reference in finished(stream, start, lambda: pool.num_places):
        ended = pool.end(reference)
        if quarantine is None:
            yield fetch(reference)
        elif pool.trusts(ended.makers):
            yield from made(reference, ended, pool, stream, quarantine)
        else:
            quarantine.withdraw(ended.plan)  # it may have been finished before its maker was put out
            stream.put_back(ended.plan)


def made(
    reference: Any, ended: Ended[Plan], pool: ActorPool[Plan], stream: Again[Plan], quarantine: Quarantine[Plan]
) -> Iterator[Any]:
    """What was made of a plan; nothing where its makers disagree: then it is made again, with all that is in doubt."""
    try:
        result = fetch(reference)
    except DisagreementError as error:
        stream.put_back(ended.plan, *quarantine.distrust(ended.makers, error))
        if not pool.put_out(ended.makers):
            raise
        return
    quarantine.passed(ended.makers, ended.plan, result, ended.others)
    yield result
