"""Parts made ready ahead: in order, bounded, the errors of the thread where they belong, and no thread left."""

import threading
import time

import pytest

from pipeline.training.parts import Part, chunks
from pipeline.training.prefetch import Ahead


def numbered(step: int) -> Part:
    return Part([], [], step)


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_parts_come_in_the_order_of_steps(depth: int) -> None:
    with Ahead(numbered, 5, 25, depth) as parts:
        assert [parts.take().part.num_levels for _ in range(5, 25)] == list(range(5, 25))
    assert not prefetch_threads()


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_than_so_many_are_made_before_they_are_wanted(depth: int) -> None:
    made: list[int] = []

    def make(step: int) -> Part:
        made.append(step)
        return numbered(step)

    with Ahead(make, 0, 100, depth) as parts:
        parts.take()
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            time.sleep(0.01)
        assert len(made) == depth + 2  # the one taken, those that wait, and the one that has no room yet
    assert not prefetch_threads()


@pytest.mark.parametrize("depth", [0, 2])
def test_an_error_comes_out_at_its_own_step(depth: int) -> None:
    def make(step: int) -> Part:
        if step == 3:
            raise OSError("the disk is gone")
        return numbered(step)

    with Ahead(make, 0, 10, depth) as parts:
        assert [parts.take().part.num_levels for _ in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="the disk is gone"):
            parts.take()
    assert not prefetch_threads()


def test_more_than_there_is_ends_with_an_error_and_not_in_waiting() -> None:
    def make(step: int) -> Part:
        if step == 1:
            raise OSError("gone")
        return numbered(step)

    with Ahead(numbered, 0, 1, 2) as parts:
        parts.take()
        with pytest.raises(RuntimeError, match="nothing is made ready for step 1"):
            parts.take()
    with Ahead(make, 0, 9, 2) as parts:
        parts.take()
        with pytest.raises(OSError, match="gone"):
            parts.take()
        with pytest.raises(RuntimeError, match="nothing is made ready"):
            parts.take()


def test_what_was_waited_for_is_told() -> None:
    def slow(step: int) -> Part:
        time.sleep(0.3)
        return numbered(step)

    with Ahead(slow, 0, 4, 1) as parts:
        assert parts.take().waited_s >= 0.04
        time.sleep(1)
        assert parts.take().waited_s < 0.04


def test_chunks_are_as_equal_as_they_can_be() -> None:
    assert chunks(range(7), 3) == [range(2), range(2, 4), range(4, 7)]
    assert chunks([1], 3) == [[], [], [1]]
    assert chunks([], 2) == [[], []]
