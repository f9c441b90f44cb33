"""Storage that times out again and again: what is asked for is asked for again, and the job ends as if nothing were."""

from pathlib import Path

import pytest

from pipeline.storage import locate
from tests.chaos.flaky_storage import flaky_storage


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.storage.time.sleep", lambda _: None)


def test_an_open_file_is_read_whole(tmp_path: Path) -> None:
    lines = [b"%d\n" % number for number in range(50_000)]
    with flaky_storage(every=3) as storage:
        place = locate("flaky://corpus/lines")
        place.write_bytes(b"".join(lines))
        with place.open() as file:
            assert list(iter(lambda: file.readline(100), b"")) == lines
            file.seek(10)
            assert file.read(4) == b"".join(lines)[10:14]
        assert storage.num_failed > 10


def test_folders_are_walked_whole() -> None:
    with flaky_storage(every=3) as storage:
        expected = [f"{folder:02}/{number}" for folder in range(20) for number in range(3)]
        for path in expected:
            (locate("flaky://corpus") / path).write_bytes(b"")
        assert [entry.path for entry in locate("flaky://corpus").files()] == expected
        assert storage.num_failed > 10
