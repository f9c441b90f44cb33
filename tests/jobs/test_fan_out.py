"""Fan-out: bounded, indifferent to the order of finishing, ended by our errors, unmoved by lost workers."""

import os
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import ray
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError, WorkerCrashedError

from jobs import fan_out as subject
from jobs import hedging
from jobs.actor_pool import fan_out_actors
from jobs.fan_out import explain_ray, fan_out
from pipeline.errors import AncestralError, ClusterError, ModelError, TooManyFailures

remote: Any = ray.remote


class FakeRay:
    """Stands in for Ray: references are numbers, and `pick` says which of those that are out finishes next."""

    def __init__(self, pick: int = 0) -> None:
        self.pick = pick
        self.out: dict[int, Any] = {}
        self.most_out = 0
        self.cancelled: list[int] = []
        self.count = 0

    def submit(self, plan: Any) -> int:
        self.count += 1
        self.out[self.count] = plan
        self.most_out = max(self.most_out, len(self.out))
        return self.count

    def wait(
        self, references: list[int], num_returns: int, timeout: float | None = None
    ) -> tuple[list[int], list[int]]:
        chosen = references[self.pick % len(references)]
        return [chosen], [reference for reference in references if reference != chosen]

    def get(self, reference: int) -> Any:
        result = self.out.pop(reference)
        if isinstance(result, Exception):
            raise result
        return result

    def cancel(self, reference: int, force: bool) -> None:
        assert not force, "a forced cancel would kill a worker in the middle of a write"
        self.cancelled.append(reference)


def replace_ray(patch: pytest.MonkeyPatch, fake: FakeRay) -> None:
    patch.setattr(subject, "ray", fake)
    patch.setattr(hedging, "ray", fake)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    replace_ray(monkeypatch, fake)
    return fake


@given(num_plans=st.integers(0, 30), limit=st.integers(1, 7), pick=st.integers(0, 5), hedge=st.booleans())
def test_every_plan_once_whatever_the_order_and_never_more_than_the_limit(
    num_plans: int, limit: int, pick: int, hedge: bool
) -> None:
    fake = FakeRay(pick)
    with pytest.MonkeyPatch.context() as patch:
        replace_ray(patch, fake)
        results = list(fan_out(range(num_plans), fake.submit, limit, hedge=hedge))
    assert sorted(results) == list(range(num_plans))
    assert fake.most_out == min(limit, num_plans)
    assert fake.cancelled == []


def test_plans_are_drawn_one_by_one(fake: FakeRay) -> None:
    drawn = 0

    def endless() -> Iterator[int]:
        nonlocal drawn
        while True:
            drawn += 1
            yield drawn

    results = fan_out(endless(), fake.submit, 3)
    assert [next(results) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert drawn <= 5 + 3


def test_our_error_ends_it_and_calls_back_what_is_out(fake: FakeRay) -> None:
    plans = [1, TooManyFailures("half of the items are bad"), 3, 4, 5]
    with pytest.raises(TooManyFailures, match="half of the items"):
        list(fan_out(plans, fake.submit, 3))
    assert len(fake.cancelled) == 2
    assert fake.count <= 4, "plans went on being submitted after the error"


def test_a_reader_that_stops_calls_back_what_is_out(fake: FakeRay) -> None:
    results = fan_out(range(10), fake.submit, 4)
    next(results)
    cast("Generator[Any]", results).close()
    assert len(fake.cancelled) == 3


def test_a_limit_below_one_is_refused(fake: FakeRay) -> None:
    with pytest.raises(ValueError, match="at least one"):
        list(fan_out([1], fake.submit, 0))


@given(num_plans=st.integers(0, 20), num_actors=st.integers(1, 4), depth=st.integers(1, 3), pick=st.integers(0, 5))
def test_no_actor_ever_holds_more_than_its_depth(num_plans: int, num_actors: int, depth: int, pick: int) -> None:
    fake = FakeRay(pick)
    most_held = 0

    def submit(actor: str, plan: int) -> int:
        nonlocal most_held
        reference = fake.submit((actor, plan))
        most_held = max(most_held, sum(held == actor for held, _ in fake.out.values()))
        return reference

    with pytest.MonkeyPatch.context() as patch:
        replace_ray(patch, fake)
        actors = [f"actor {i}" for i in range(num_actors)]
        results = list(fan_out_actors(range(num_plans), actors, submit, depth))
    assert sorted(plan for _, plan in results) == list(range(num_plans))
    assert most_held <= depth


@pytest.mark.parametrize("error", [WorkerCrashedError(), OutOfMemoryError("the node ran out of memory")])
def test_a_lost_worker_is_told_with_what_to_do(error: RayError) -> None:
    explained = explain_ray(error)
    assert isinstance(explained, ClusterError)
    assert "memory" in str(explained)
    assert "run the same command again" in str(explained)


def test_any_other_failure_of_ray_is_told_too() -> None:
    assert "ObjectLost" in str(explain_ray(type("ObjectLost", (RayError,), {})("gone")))


def remote_error(function: Any) -> RayError:
    with pytest.raises(RayError) as caught:
        ray.get(ray.remote(function).options(max_retries=0).remote())
    return caught.value


@pytest.mark.ray
@pytest.mark.usefixtures("ray_local")
class TestOnRay:
    """The same on a real Ray, where workers are really killed."""

    def test_our_error_arrives_as_it_was_raised(self) -> None:
        def fail() -> None:
            raise ModelError("no such model")

        explained = explain_ray(remote_error(fail))
        assert type(explained) is ModelError
        assert str(explained) == "no such model"

    def test_a_worker_lost_whose_result_was_waited_for_is_told_as_lost(self) -> None:
        def lost() -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        given = ray.remote(lost).options(max_retries=0).remote()
        with pytest.raises(RayError) as caught:
            ray.get(ray.remote(lambda given: given).remote(given))
        assert isinstance(explain_ray(caught.value), ClusterError)

    def test_a_bug_of_ours_keeps_its_traceback(self) -> None:
        def fail() -> None:
            raise KeyError("bug")

        error = remote_error(fail)
        assert explain_ray(error) is error
        assert isinstance(error, RayTaskError)
        assert not isinstance(error, AncestralError)

    def test_our_error_in_an_actors_constructor_arrives_too(self) -> None:
        class Broken:
            def __init__(self) -> None:
                raise ModelError("expected a model,\ngot a picture")

            def work(self, plan: int) -> int:
                return plan

        with pytest.raises(ModelError) as caught:
            list(fan_out_actors([1], [remote(Broken).remote()], lambda actor, plan: actor.work.remote(plan)))
        assert str(caught.value) == "expected a model,\ngot a picture"

    def test_a_killed_worker_is_retried(self, tmp_path: Path) -> None:
        @remote(max_retries=subject.TASK_RETRIES)
        def work(plan: int) -> int:
            attempt = tmp_path / f"attempt-{plan}"
            if plan == 2 and not attempt.exists():
                attempt.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return plan

        assert sorted(fan_out(range(5), work.remote, 2)) == list(range(5))
        assert (tmp_path / "attempt-2").exists()

    def test_a_worker_that_is_lost_every_time_ends_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hedging, "SLOW_S", 1000.0)

        @remote(max_retries=2)
        def work(plan: int) -> int:
            if plan == 2:
                with (tmp_path / "attempts").open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)
            return plan

        with pytest.raises(ClusterError, match="a worker was lost again and again"):
            list(fan_out(range(3), work.remote, 2, hedge=True))
        assert (tmp_path / "attempts").read_text() == "xxx"

    def test_a_straggler_is_started_again_and_called_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hedging, "SLOW_S", 0.2)
        monkeypatch.setattr(hedging, "SECONDS_BETWEEN_LOOKS", 0.05)

        @remote(num_cpus=0.25)
        def work(plan: int) -> int:
            attempt = tmp_path / f"attempt-{plan}"
            if plan == 3 and not attempt.exists():
                attempt.touch()
                try:
                    while True:
                        time.sleep(0.05)
                finally:
                    (tmp_path / "called back").touch()
            return plan

        assert sorted(fan_out(range(8), work.remote, 3, hedge=True)) == list(range(8))
        assert (tmp_path / "called back").exists()

    def test_a_killed_actors_plans_are_done_again(self, tmp_path: Path) -> None:
        class Steady:
            def work(self, plan: int) -> int:
                (tmp_path / f"pid-{os.getpid()}").touch()
                time.sleep(0.05)
                return plan

        actor_type = remote(max_restarts=-1, max_task_retries=-1, num_cpus=0.5)(Steady)
        actors = [actor_type.remote() for _ in range(2)]
        results = []
        for result in fan_out_actors(range(12), actors, lambda actor, plan: actor.work.remote(plan)):
            results.append(result)
            if len(results) == 3:
                os.kill(int(next(tmp_path.glob("pid-*")).name.removeprefix("pid-")), signal.SIGKILL)
        assert sorted(results) == list(range(12))
        assert len(list(tmp_path.glob("pid-*"))) == 3, "the killed actor did not come back"

    def test_workers_compute_on_one_thread(self) -> None:
        def threads() -> str | None:
            return os.environ.get("OMP_NUM_THREADS")

        assert ray.get(ray.remote(threads).remote()) == "1"
