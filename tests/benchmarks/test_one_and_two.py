"""Everyone gets the same turns, and a ratio is told as what it is."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks import one_and_two
from benchmarks.one_and_two import Best, line, measure, measure_all


def work(folder: Path, worker: int, num_workers: int) -> float:
    return 0.0


def played(monkeypatch: pytest.MonkeyPatch, seconds: list[tuple[float, float]]) -> list[int]:
    """Has rounds take these seconds; the turns that are then taken."""
    left, turns = iter(seconds), list[int]()

    def one_round(work: Any, pool: Sequence[ProcessPoolExecutor]) -> tuple[float, float]:
        turns.append(len(pool))
        return next(left)

    monkeypatch.setattr(one_and_two, "one_round", one_round)
    return turns


def test_one_and_two_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = played(monkeypatch, [(9.0, 9.0), (9.0, 9.0), (4.0, 3.9), (2.5, 4.0), (3.0, 2.9), (2.0, 3.0)])
    pool: Any = ["a", "b"]
    best = measure(work, pool, 2)
    assert turns == [1, 2] * 3
    assert best == Best({1: 3.0, 2: 2.0}, {1: 2.9, 2: 3.0})
    assert line("it", best).split() == ["it", "3.000", "s", "2.000", "s", "1.50", "x", "1.93", "x"]


def test_several_kinds_of_work_take_turns_in_the_same_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    played(monkeypatch, [(9.0, 9.0)] * 4 + [(4.0, 4.0), (2.0, 4.0), (6.0, 6.0), (4.0, 8.0)])
    pool: Any = ["a", "b"]
    assert [best.ratio for best in measure_all([work, work], pool, 1)] == [2.0, 1.5]
