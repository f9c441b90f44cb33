"""Actors: the least busy one next, stragglers elsewhere, and what a lying one has made is made again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import actor_pool, fan_out, hedging
from jobs.actor_pool import ActorPool, Quarantine, fan_out_actors
from pipeline.errors import DisagreementError, ModelError


class FakeActors:
    """Stands in for Ray: references are numbers and finish in the order of `pick`; `lies[actor]` is the plan at which
    an actor is found out. A result is (actor, plan, whether the two were compared)."""

    def __init__(self, pick: int = 0, lies: dict[str, int] | None = None, compares: int = 1) -> None:
        self.pick, self.lies, self.compares = pick, lies or {}, compares
        self.out: dict[int, Any] = {}
        self.killed: list[str] = []
        self.count = 0

    def submit(self, actor: str, plan: int) -> int:
        assert actor not in self.killed
        self.count += 1
        self.out[self.count] = actor, plan
        return self.count

    def wait(self, references: list[int], num_returns: int, timeout: float | None = None) -> Any:
        chosen = references[self.pick % len(references)]
        return [chosen], [reference for reference in references if reference != chosen]

    def get(self, reference: int) -> Any:
        actor, plan = self.out.pop(reference)
        if actor in self.killed:
            raise ModelError("what a killed actor had to do is never looked at")
        if self.lies.get(actor) == plan:
            raise DisagreementError(f"{actor} disagrees")
        return actor, plan, plan % self.compares == 0

    def kill(self, actor: str) -> None:
        self.killed.append(actor)

    def cancel(self, reference: int, force: bool) -> None:
        pass


def run(fake: FakeActors, num_plans: int, num_actors: int, depth: int = 2) -> tuple[list[Any], list[list[int]]]:
    """What came out, and which plans were distrusted each time."""
    distrusted: list[list[int]] = []
    quarantine = Quarantine[int](lambda result: bool(result[2]), lambda error, plans: distrusted.append(plans))
    with pytest.MonkeyPatch.context() as patch:
        for module in (fan_out, hedging, actor_pool):
            patch.setattr(module, "ray", fake)
        actors = [f"actor {number}" for number in range(num_actors)]
        results = list(fan_out_actors(range(num_plans), actors, fake.submit, depth, quarantine=quarantine))
    return results, distrusted


@given(st.integers(0, 20), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5), st.integers(1, 4))
def test_all_plans_are_made_by_actors_that_are_trusted(
    num_plans: int, more: int, depth: int, pick: int, compares: int
) -> None:
    """One of several is found out at plan 5, if it gets it: whatever it has made unseen is made again by others."""
    fake = FakeActors(pick, {"actor 0": 5}, compares)
    results, distrusted = run(fake, num_plans, 1 + more, depth)
    assert {plan for _, plan, _ in results} == set(range(num_plans))
    again = [plan for plans in distrusted for plan in plans]
    last_maker = {plan: actor for actor, plan, _ in results}
    assert all(last_maker[plan] != "actor 0" for plan in again)
    assert len(results) == num_plans + len(again)
    assert fake.killed == (["actor 0"] if distrusted else [])


def test_what_was_made_before_a_comparison_stays() -> None:
    """Plans 0 and 4 are compared; 5 is found wrong: of 0 to 4, none was made by this actor since."""
    _, distrusted = run(FakeActors(lies={"actor 0": 6}, compares=4), 12, 2, depth=1)
    assert distrusted == [[]]
    _, distrusted = run(FakeActors(lies={"actor 0": 6}, compares=100), 12, 2, depth=1)
    assert distrusted == [[2, 4]]


def test_a_plan_that_was_started_twice_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its slow first actor disagrees: the second one, called back with it, is the only one left to make it."""
    fake = FakeActors()
    monkeypatch.setattr(actor_pool, "ray", fake)
    pool, plan = ActorPool[int](["actor 0", "actor 1"], fake.submit, depth=1), 7
    first = pool.start(plan)
    pool.start(plan)
    assert not pool.has_idle(plan)
    assert pool.end(first) == (0, plan)
    assert pool.retire(0)
    assert pool.end(pool.start(plan)) == (1, plan)


def test_where_no_actor_is_left_the_disagreement_is_told() -> None:
    with pytest.raises(DisagreementError, match="actor 0 disagrees"):
        run(FakeActors(lies={"actor 0": 3}), 8, 1)


def test_a_plan_goes_to_the_actor_with_the_least_to_do() -> None:
    results, _ = run(FakeActors(), 8, 4, depth=2)
    assert {actor for actor, plan, _ in results if plan < 4} == {f"actor {number}" for number in range(4)}
