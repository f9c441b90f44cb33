"""`verify`: problems as they are found, 0 and a summary for a sound dataset, the same over Ray."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from rich.console import Console

from jobs import verify as subject
from jobs.cluster import connect
from jobs.prepare import prepare
from jobs.verify import VerifyConfig, verify
from pipeline.preparation.config import PrepareConfig, ShardConfig
from pipeline.shards.verify import Problem
from pipeline.storage import Location
from tests.jobs.builders import write_tones

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_local")]


@pytest.fixture
def dataset(tmp_path: Path) -> Location:
    write_tones(tmp_path / "corpus", num_items=4)
    out = Location(str(tmp_path / "dataset"))
    config = PrepareConfig(shards=ShardConfig(items_per_shard=2))
    with connect() as cluster:
        prepare(Location(str(tmp_path / "corpus")), out, config, cluster, Console(file=io.StringIO()))
    return out


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=80)


def run(dataset: Location, on_ray: bool) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=80)
    with connect() as cluster:
        count = verify(dataset, console, cluster if on_ray else None)
    assert isinstance(console.file, io.StringIO)
    return count, console.file.getvalue()


@pytest.mark.parametrize("on_ray", [False, True])
def test_a_sound_dataset_is_said_to_be(dataset: Location, on_ray: bool) -> None:
    count, said = run(dataset, on_ray)
    assert count == 0
    num_shards = len(list(Path(dataset.uri).glob("shards/*.parquet")))
    assert said == f"{dataset}: sound; audio, 4 rows in {num_shards} shards, 0 failed items on record\n"


@pytest.mark.parametrize("on_ray", [False, True])
def test_a_changed_byte_is_found_with_how_to_mend_it(dataset: Location, on_ray: bool) -> None:
    shard = next(Path(dataset.uri).glob("shards/*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    count, said = run(dataset, on_ray)
    assert count >= 1
    assert f"shards/{shard.name}: its checksum is not the committed one" in said
    assert "to mend: run the command" in said
    assert f"{count} problem" in said.splitlines()[-1]


def test_problems_are_told_while_more_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    assert isinstance(console.file, io.StringIO)
    seen = []

    def slow(folder: Location, disjoint: object) -> Iterator[Problem]:
        yield Problem("first", "torn", "mend it")
        assert isinstance(console.file, io.StringIO)
        seen.append(console.file.getvalue())
        yield Problem("second", "torn [bold]odd[/bold] name")

    monkeypatch.setattr(subject, "verify_folder", slow)
    assert verify(Location(str(tmp_path)), console) == 2
    assert seen[0].startswith("first: torn")
    assert "[bold]odd[/bold]" in console.file.getvalue(), "a file's name was taken for markup"


def test_of_many_problems_the_first_are_shown_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, console: Console
) -> None:
    monkeypatch.setattr(subject, "verify_folder", lambda *_: (Problem(f"file{n}", "torn", "mend it") for n in range(5)))
    assert verify(Location(str(tmp_path)), console, config=VerifyConfig(most_problems=2)) == 5
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("torn") == 2
    assert "5 problems; the first 2 are shown" in console.file.getvalue()


class Busy:
    def is_here(self) -> bool:
        return True


def test_a_worker_asks_for_the_cpus_that_it_is_told_to(dataset: Location, console: Console) -> None:
    """Where another holds every CPU, a reader that asks for none still starts."""
    with connect() as cluster:
        actor_type: Any = ray.remote(num_cpus=cluster.num_cpus)(Busy)
        busy = actor_type.remote()
        try:
            assert ray.get(busy.is_here.remote())
            assert verify(dataset, console, cluster, VerifyConfig(num_cpus=0)) == 0
        finally:
            ray.kill(busy)
