"""Stragglers: started again when nothing else is left to do, counted once, and indifferent to which of two wins."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import RayTaskError, WorkerCrashedError

from jobs import fan_out as fan_out_module
from jobs import hedging
from jobs.fan_out import fan_out
from pipeline.errors import ClusterError, ModelError


class TimedRay:
    """Stands in for Ray and for the clock: attempt n of a plan takes `took_s[plan][n]` seconds, on any of many CPUs."""

    def __init__(self, took_s: dict[Any, list[float]], errors: dict[tuple[Any, int], Exception] | None = None) -> None:
        self.took_s = took_s
        self.errors = errors or {}
        self.now_s = 0.0
        self.ends_s: dict[int, float] = {}
        self.attempts: list[tuple[Any, int]] = []
        self.cancelled: list[tuple[Any, int]] = []
        self.seen_off: list[tuple[Any, int]] = []
        self.most_out = 0
        self.out: set[int] = set()

    def monotonic(self) -> float:
        return self.now_s

    def submit(self, plan: Any) -> int:
        attempt = sum(plan == before for before, _ in self.attempts)
        self.attempts.append((plan, attempt))
        reference = len(self.attempts) - 1
        self.ends_s[reference] = self.now_s + self.took_s[plan][min(attempt, len(self.took_s[plan]) - 1)]
        self.out.add(reference)
        self.most_out = max(self.most_out, len(self.out))
        return reference

    def wait(
        self, references: list[int], num_returns: int, timeout: float | None = None
    ) -> tuple[list[int], list[int]]:
        if num_returns != 1 or references[0] not in self.out:
            self.seen_off += [self.attempts[reference] for reference in references]
            return references, []
        first = min(references, key=lambda reference: self.ends_s[reference])
        if timeout is not None and self.ends_s[first] > self.now_s + timeout:
            self.now_s += timeout
            return [], references
        self.now_s = max(self.now_s, self.ends_s[first])
        self.out.discard(first)
        return [first], [reference for reference in references if reference != first]

    def get(self, reference: int) -> Any:
        if error := self.errors.get(self.attempts[reference]):
            raise error
        return self.attempts[reference][0]

    def cancel(self, reference: int, force: bool) -> None:
        assert not force, "a forced cancel would kill a worker in the middle of a write"
        self.cancelled.append(self.attempts[reference])
        self.out.discard(reference)


def run(fake: TimedRay, limit: int, hedge: bool = True) -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fan_out_module, "ray", fake)
        patch.setattr(hedging, "ray", fake)
        patch.setattr(hedging, "time", fake)
        return list(fan_out(fake.took_s, fake.submit, limit, hedge=hedge))


def quick(num_plans: int, took_s: float = 10.0) -> dict[Any, list[float]]:
    return {number: [took_s] for number in range(num_plans)}


def test_a_straggler_is_started_again_and_its_first_attempt_called_back() -> None:
    fake = TimedRay({**quick(6), "slow": [1000.0, 10.0]})
    assert sorted(map(str, run(fake, 3))) == [*map(str, range(6)), "slow"]
    assert fake.cancelled == fake.seen_off == [("slow", 0)]
    assert 30 < fake.now_s < 70


def test_without_hedging_it_is_waited_for() -> None:
    fake = TimedRay({**quick(6), "slow": [1000.0, 10.0]})
    run(fake, 3, hedge=False)
    assert (len(fake.attempts), fake.cancelled) == (7, [])
    assert fake.now_s > 1000


def test_the_first_attempt_may_win_after_all() -> None:
    fake = TimedRay({**quick(6), "slow": [60.0, 1000.0]})
    assert len(run(fake, 3)) == 7
    assert fake.cancelled == [("slow", 1)]
    assert fake.now_s < 100


@pytest.mark.parametrize(
    ("took_s", "why"),
    [
        ({**quick(6), "long": [25.0]}, "it is not slow enough beside the others"),
        ({**quick(6, 0.1), "long": [9.0]}, "it is not slow enough by the clock"),
        ({"long": [1000.0]}, "there is nothing to compare it with"),
    ],
)
def test_what_is_no_straggler_is_left_alone(took_s: dict[Any, list[float]], why: str) -> None:
    fake = TimedRay(took_s)
    run(fake, 3)
    assert len(fake.attempts) == len(took_s), why


def test_nothing_is_started_again_while_plans_are_left() -> None:
    fake = TimedRay({"slow": [1000.0, 10.0], **quick(40)})
    run(fake, 3)
    assert fake.attempts[-1] == ("slow", 1)
    assert fake.cancelled == [("slow", 0)]


def test_an_attempt_whose_worker_is_lost_leaves_it_to_the_other() -> None:
    fake = TimedRay({**quick(6), "slow": [100.0, 10.0, 500.0]}, {("slow", 1): WorkerCrashedError()})
    assert len(run(fake, 3)) == 7
    assert fake.cancelled == [("slow", 2)]


def test_an_attempt_for_which_another_worker_is_lost_leaves_it_to_the_other() -> None:
    """It was to be given what that worker makes."""

    class TaskError(RayTaskError):
        def __init__(self) -> None:
            self.cause = WorkerCrashedError()

    fake = TimedRay({**quick(6), "slow": [100.0, 10.0, 500.0]}, {("slow", 1): TaskError()})
    assert len(run(fake, 3)) == 7
    assert fake.cancelled == [("slow", 2)]


def test_a_plan_whose_worker_is_lost_each_time_ends_it() -> None:
    fake = TimedRay(
        {**quick(6), "bad": [50.0, 10.0, 5.0]}, {("bad", number): WorkerCrashedError() for number in range(9)}
    )
    with pytest.raises(ClusterError, match="lost again and again"):
        run(fake, 3)


def test_our_error_ends_it_whichever_attempt_raised_it() -> None:
    class TaskError(RayTaskError):
        def __init__(self) -> None:
            self.cause = ModelError("no such model")

    fake = TimedRay({**quick(6), "slow": [1000.0, 10.0]}, {("slow", 1): TaskError()})
    with pytest.raises(ModelError, match="no such model"):
        run(fake, 3)
    assert ("slow", 0) in fake.cancelled


@given(
    st.lists(st.lists(st.floats(0, 500), min_size=1, max_size=3), max_size=15),
    st.integers(1, 5),
    st.sets(st.tuples(st.integers(0, 15), st.integers(1, 2))),
)
def test_every_plan_yields_once_and_never_more_than_the_limit_are_out(
    took_s: list[list[float]], limit: int, lost: set[tuple[int, int]]
) -> None:
    errors: dict[tuple[Any, int], Exception] = {attempt: WorkerCrashedError() for attempt in lost}
    fake = TimedRay(dict(enumerate(took_s)), errors)
    assert Counter(run(fake, limit)) == Counter(range(len(took_s)))
    assert fake.most_out <= limit


def test_what_the_reader_leaves_is_called_back() -> None:
    fake = TimedRay({**quick(2), "slow": [1000.0]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fan_out_module, "ray", fake)
        patch.setattr(hedging, "ray", fake)
        results: Iterator[Any] = fan_out(fake.took_s, fake.submit, 3, hedge=True)
        next(results)
        results.close()  # type: ignore[attr-defined]
    assert {plan for plan, _ in fake.cancelled} == {1, "slow"}
