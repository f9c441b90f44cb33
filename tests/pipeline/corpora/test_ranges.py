from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpora import ranges
from pipeline.corpora.ranges import read_range
from pipeline.storage import Location, locate

DATA = bytes(range(97))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "BLOCK_BYTES", 10)
    ranges.block.cache_clear()


@given(st.integers(0, 96), st.integers(0, 120))
def test_a_range_is_what_a_slice_would_be(start: int, num_bytes: int) -> None:
    place = locate("memory://ranges/file")
    place.write_bytes(DATA)
    ranges.BLOCK_BYTES = 10
    assert read_range(place.uri, "same", start, num_bytes) == DATA[start : start + num_bytes]
    assert place.read_range(start, num_bytes) == DATA[start : start + num_bytes]


def test_records_that_lie_together_are_fetched_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(DATA)
    asked: list[int] = []
    read = Location.read_range

    def counted(place: Location, start: int, num_bytes: int) -> bytes:
        asked.append(start)
        return read(place, start, num_bytes)

    monkeypatch.setattr(Location, "read_range", counted)
    assert b"".join(read_range(str(tmp_path / "file"), "", at, 3) for at in range(0, 97, 3)) == DATA
    assert asked == list(range(0, 97, 10))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    assert read_range(str(tmp_path / "file"), "1", 0, 3) == b"old"
    (tmp_path / "file").write_bytes(b"new")
    assert read_range(str(tmp_path / "file"), "2", 0, 3) == b"new"
