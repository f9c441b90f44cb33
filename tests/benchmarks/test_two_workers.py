"""Both halves are the whole."""

from pathlib import Path

import pytest

pytest.importorskip("librosa", reason="needs the bench extra")
pytest.importorskip("lhotse", reason="needs the bench extra")

from benchmarks import two_workers
from benchmarks.two_workers import planned, prepare_share, write_corpus

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
