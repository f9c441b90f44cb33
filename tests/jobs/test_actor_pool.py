"""Actors: the least busy one next, stragglers elsewhere, and what a lying one has made is made again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import actor_pool, fan_out, hedging
from jobs.actor_pool import NO_HELPERS, ActorPool, Again, Ended, fan_out_actors
from jobs.quarantine import Helpers, Makers, Quarantine
from pipeline.errors import DisagreementError, ModelError


class FakeActors:
    """Stands in for Ray: references are numbers and finish in the order of `pick`; `lies[actor]` is the plan at which
    an actor is found out. A result is (actor, plan, whether the two were compared)."""

    def __init__(self, pick: int = 0, lies: dict[str, int] | None = None, compares: int = 1) -> None:
        self.pick, self.lies, self.compares = pick, lies or {}, compares
        self.out: dict[int, Any] = {}
        self.killed: list[str] = []
        self.wrong_references: set[int] = set()
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
        if self.lies.get(actor) == plan or reference in self.wrong_references:
            raise DisagreementError(f"{actor} disagrees")
        return actor, plan, plan % self.compares == 0

    def kill(self, actor: str) -> None:
        self.killed.append(actor)

    def cancel(self, reference: int, force: bool) -> None:
        pass


def run(fake: FakeActors, num_plans: int, num_actors: int, depth: int = 2) -> tuple[list[Any], list[list[int]]]:
    """What came out, and which plans were distrusted each time."""
    results, withdrawn, _ = run_with(fake, num_plans, num_actors, depth)
    return results, withdrawn


def run_with(
    fake: "FakeActors", num_plans: int, num_actors: int, depth: int = 2, helpers: Helpers = NO_HELPERS
) -> tuple[list[Any], list[list[int]], list[int]]:
    """The same with helpers; and which plans had been begun by those who are not trusted any more."""
    distrusted: list[list[int]] = []
    late: list[int] = []

    def told(makers: Makers, error: DisagreementError, num_withdrawn: int) -> None:
        distrusted.append(late[len(late) - num_withdrawn :])
        del late[len(late) - num_withdrawn :]

    quarantine = Quarantine[int](lambda result: bool(result[2]), late.append, told)
    with pytest.MonkeyPatch.context() as patch:
        for module in (fan_out, hedging, actor_pool):
            patch.setattr(module, "ray", fake)
        actors = [f"actor {number}" for number in range(num_actors)]
        out = fan_out_actors(range(num_plans), actors, fake.submit, depth, quarantine=quarantine, helpers=helpers)
        results = list(out)
    return results, distrusted, late


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
    assert pool.end(first) == Ended((0,), plan, [1])
    assert pool.put_out((0,))
    assert pool.end(pool.start(plan)) == Ended((1,), plan, [])


class FakeHelpers:
    """Two that take turns; the one that helps with plan `found_at` lies, which shows there."""

    def __init__(self, fake: FakeActors, found_at: int) -> None:
        self.fake, self.found_at, self.turn, self.num_given_up, self.liar = fake, found_at, 0, 0, -1
        self.helped: list[tuple[int, int]] = []
        """Plan and helper."""

    def of(self, reference: int) -> list[Any]:
        if self.num_given_up:
            return []
        self.turn, (_, plan) = self.turn + 1, self.fake.out[reference]
        self.helped.append((plan, self.turn % 2))
        if plan == self.found_at:
            self.liar = self.turn % 2
            self.fake.wrong_references.add(reference)
        return [("helper", self.turn % 2)]

    def give_up(self) -> None:
        self.num_given_up += 1


@given(st.integers(0, 20), st.integers(1, 4), st.integers(1, 3), st.integers(0, 5), st.sampled_from([1, 2, 3, 5, 99]))
def test_helpers_that_lie_are_given_up_and_no_actor_is(
    num_plans: int, num_actors: int, depth: int, pick: int, compares: int
) -> None:
    """What the liar helped with since it was last compared is made again, and what was underway, without help."""
    fake = FakeActors(pick, compares=compares)
    helpers = FakeHelpers(fake, found_at=5)
    results, distrusted, late = run_with(fake, num_plans, num_actors, depth, helpers)
    assert {plan for _, plan, _ in results} == set(range(num_plans))
    assert fake.killed == []
    assert len(distrusted) == helpers.num_given_up <= 1
    again = [plan for plans in distrusted for plan in plans]
    assert len(results) == num_plans + len(again)
    if distrusted:
        helped = {plan for plan, helper in helpers.helped if helper == helpers.liar}
        finished = [plan for _, plan, _ in results]
        unproven = {plan for plan in helped if plan % compares}
        assert all(finished.count(plan) == 2 for plan in again)
        assert all(plan % compares for plan in again), "what was compared stays"
        assert set(late).isdisjoint(again)
        if compares > num_plans:
            assert unproven - {5} <= set(again) | set(late)


def test_an_actor_that_lies_with_help_and_alone_is_put_out_itself() -> None:
    """Its helpers are given up first, since it could have been them."""

    class Liar(FakeActors):
        def get(self, reference: int) -> Any:
            self.lies = {"actor 0": self.out[reference][1]}
            return super().get(reference)

    fake = Liar(compares=100)
    helpers = FakeHelpers(fake, found_at=-1)
    results, distrusted, _ = run_with(fake, 6, 2, 1, helpers)
    assert {plan for _, plan, _ in results} == set(range(6))
    assert {actor for actor, _, _ in results} == {"actor 1"}
    assert (helpers.num_given_up, fake.killed, len(distrusted)) == (1, ["actor 0"], 2)


def test_what_a_liar_had_finished_before_it_was_heard_of_is_made_again() -> None:
    """Both of its plans have ended; the one that tells is looked at first."""
    fake = FakeActors(pick=-1, lies={"actor 0": 2}, compares=100)
    results, distrusted, late = run_with(fake, 4, 2, depth=2)
    made_by = {plan: actor for actor, plan, _ in results}
    assert set(made_by.values()) == {"actor 1"}
    assert late == [0]
    assert distrusted == [[]]


def test_what_a_twin_may_have_made_is_in_doubt_with_both() -> None:
    """Actor 1 hands in, uncompared, what stands; actor 0 had begun with it, and is found out."""
    withdrawn: list[int] = []
    quarantine = Quarantine[int](bool, withdrawn.append, lambda makers, error, num_plans: None)
    quarantine.passed([1], 7, False, others=[0])
    assert quarantine.distrust([0], DisagreementError("it lies")) == [7] == withdrawn
    quarantine.passed([1], 8, True, others=[0])
    assert quarantine.distrust([0], DisagreementError("it lies")) == [], "this one actor 1 made itself"


def test_what_is_put_back_is_not_made_once_it_is_over() -> None:
    left = [3]
    plans = Again(iter(range(9)), lambda: not left[0])
    assert next(plans) == 0
    plans.put_back(0)
    left[0] = 0
    assert list(plans) == []


def test_where_no_actor_is_left_the_disagreement_is_told() -> None:
    with pytest.raises(DisagreementError, match="actor 0 disagrees"):
        run(FakeActors(lies={"actor 0": 3}), 8, 1)


def test_a_plan_goes_to_the_actor_with_the_least_to_do() -> None:
    results, _ = run(FakeActors(), 8, 4, depth=2)
    assert {actor for actor, plan, _ in results if plan < 4} == {f"actor {number}" for number in range(4)}
