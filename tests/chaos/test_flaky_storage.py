"""Storage that times out again and again: what is asked for is asked for again, and the job ends as if nothing were."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.preparation.make import make_shard
from pipeline.storage import locate
from tests.chaos.flaky_storage import FlakyFileSystem, flaky_storage
from tests.chaos.runs import Undisturbed, prepare_here


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.storage.refusals.time.sleep", lambda _: None)


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


def test_a_whole_preparation_ends_as_if_nothing_were(calm: Undisturbed) -> None:
    with flaky_storage(every=0) as storage:
        for path in calm.corpus.rglob("*.wav"):
            (locate("flaky://corpus") / str(path.relative_to(calm.corpus))).write_bytes(path.read_bytes())
        for every, out in ((0, "calm"), (10, "disturbed")):
            storage.every = every
            prepare_here(locate("flaky://corpus"), locate(f"flaky://{out}"), make=make_shard)
        assert storage.num_failed > 20
        storage.every = 0
        assert written(storage, "/disturbed") == written(storage, "/calm")


def written(storage: type[FlakyFileSystem], folder: str) -> dict[str, Any]:
    """What lies below a folder; of commits everything but when and where they were made."""
    files = storage.store.items()
    found = {path.removeprefix(folder): file.getvalue() for path, file in files if path.startswith(f"{folder}/")}
    commits = {path: json.loads(data) | {"run": None} for path, data in found.items() if path.startswith("/commits/")}
    return found | commits
