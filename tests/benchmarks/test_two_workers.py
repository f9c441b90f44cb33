"""Both halves are the whole, and a ratio is told as what it is."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("librosa", reason="needs the bench extra")
pytest.importorskip("lhotse", reason="needs the bench extra")

from benchmarks import two_workers
from benchmarks.two_workers import Best, line, measure, planned, prepare_share, write_corpus

pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated")
"""What librosa imports on its own account."""


def test_two_halves_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_workers, "DURATION_S", 1)
    monkeypatch.setattr(two_workers, "FILES_PER_SHARD", 2)
    (tmp_path / "corpus").mkdir()
    plans, conventions = planned(write_corpus(tmp_path / "corpus", 6))
    assert [len(plan.entries) for plan in plans] == [2, 2, 2]
    for folder, num_workers in (("one", 1), ("two", 2)):
        for worker in range(num_workers):
            assert prepare_share(plans, conventions, tmp_path / folder, worker, num_workers) > 0
    one, two = (sorted(file.read_bytes() for file in (tmp_path / it / "shards").iterdir()) for it in ("one", "two"))
    assert len(one) == 3
    assert one == two


def test_one_and_two_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([(9.0, 9.0), (9.0, 9.0), (4.0, 3.9), (2.5, 4.0), (3.0, 2.9), (2.0, 3.0)])
    turns: list[int] = []

    def one_round(work: Any, pool: Sequence[ProcessPoolExecutor]) -> tuple[float, float]:
        turns.append(len(pool))
        return next(seconds)

    monkeypatch.setattr(two_workers, "one_round", one_round)
    pool: Any = ["a", "b"]
    best = measure(two_workers.compute_share, pool, 2)  # type: ignore[arg-type]
    assert turns == [1, 2] * 3
    assert best == Best({1: 3.0, 2: 2.0}, {1: 2.9, 2: 3.0})
    assert line("it", best).split() == ["it", "3.000", "s", "2.000", "s", "1.50", "x", "1.93", "x"]
