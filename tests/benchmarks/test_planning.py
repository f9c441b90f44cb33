"""The synthetic corpus is planned whole, nothing of it stays in memory, and what is found is drawn and told."""

from pathlib import Path

import pytest

from benchmarks import planning
from benchmarks.planning import Planned, exponent_of, growth, plan, plan_apart, plot, write_manifest


def test_every_line_is_planned(tmp_path: Path) -> None:
    planned = plan(write_manifest(tmp_path, 1000))
    assert planned.num_items == 1000
    assert planned.num_shards > 1


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc")
def test_items_do_not_stay_in_memory(tmp_path: Path) -> None:
    few, many = [plan_apart(write_manifest(tmp_path, num_items)) for num_items in (1_000, 30_000)]
    assert many.peak_bytes - few.peak_bytes < 300 * 29_000, "an item and its line take a kilobyte"


def test_growth_is_told_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = [Planned(10**power, 10**power // 100, 10.0**power / 2e5, 10.0**power / 2e5, 10**8) for power in (4, 5, 6)]
    assert exponent_of(*planned[:2]) == pytest.approx(1)
    *_, last = growth(planned)
    assert last.split() == ["1,000,000", "10,000", "5.00", "5.00", "100,000", "100", "1.00"]
    for name in ("a.svg", "b.png"):
        plot(planned, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5000


def test_each_size_is_planned_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(
        planning, "plan_apart", lambda folder: sizes.append((folder / "manifest.jsonl").read_text().count("\n"))
    )
    assert len(list(planning.measure([10, 20]))) == 2
    assert sizes == [10, 20]
