"""A training that is killed at random points, whose storage fails, whose checkpoints are damaged: nothing is lost.

The finished weights are those of an undisturbed run by as many processes, bit for bit, and so are the figures.
"""

import errno
import json
import os
import pickle
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import StorageError
from pipeline.shards.plan import digest_of
from pipeline.storage import PARTIAL_PREFIX, Location
from pipeline.training.loop import run
from tests.chaos.flaky_storage import flaky_storage
from tests.chaos.test_kills import slowly
from tests.chaos.training_runs import (
    Calm,
    Training,
    ended,
    kill_and_go_on,
    last_step,
    left_by,
    make_dataset,
    start,
    undisturbed,
)
from tests.pipeline.training.runs import Watcher, figures

WORLDS = [(1, "ddp"), (2, "ddp"), (2, "fsdp"), (3, "ddp")]
"""Three add up in an order that depends on where a gradient lies; two do not."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("training") / "data")


@pytest.fixture(scope="module")
def calm(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], Calm]:
    folder = tmp_path_factory.mktemp("calm-training")
    return {world: undisturbed(Training(data, folder / f"{world}" / "out", *world)) for world in WORLDS}


@pytest.mark.parametrize("seed", [0, *slowly(1, 8)])
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world[0]} {world[1]}")
def test_killed_at_any_point(
    data: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path, world: tuple[int, str], seed: int
) -> None:
    training = Training(data, tmp_path / "out", *world)
    assert kill_and_go_on(training, seed) > 0
    assert left_by(training) == calm[world]
    assert not list(tmp_path.rglob(PARTIAL_PREFIX + "*"))
    assert sorted({path.name.split(".")[0].split("-")[0] for path in training.checkpoints.iterdir()}) == [
        "000000035",
        "000000040",
    ]


def kill_all_after(training: Training, step: int) -> None:
    """Start it, and kill all processes once a checkpoint of this step is written, before the last step is taken."""
    workers = start(training)
    while last_step(training) < step and all(worker.exitcode is None for worker in workers):
        time.sleep(0.001)
    for worker in workers:
        worker.kill()
    ended(workers)
    assert not (training.out / "model.json").exists()


def stopped(data: Path, out: Path) -> Training:
    """One that was stopped after 23 steps, with checkpoints of 20 and 23."""
    training = Training(data, out, 1)
    assert not run(training.plan(), observer=Watcher(23))
    return training


@pytest.fixture(scope="module")
def stopped_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stopped(data, tmp_path_factory.mktemp("stopped") / "out").out


def truncated(share: float) -> Any:
    def damage(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return damage


def flipped(share: float) -> Any:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int((len(content) - 1) * share)] ^= 1
        path.write_bytes(content)

    return damage


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"step": 23}))


DAMAGE = {
    "empty": truncated(0),
    "half": truncated(0.5),
    "almost whole": truncated(0.999),
    "first bit": flipped(0),
    "a bit in the middle": flipped(0.5),
    "last bit but one": flipped(0.99),
    "a pickle": pickled,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("file", ["000000023.json", "000000023-00000.safetensors"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    data: Path, stopped_run: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path, file: str, name: str
) -> None:
    shutil.copytree(stopped_run, tmp_path / "out")
    training, watcher = Training(data, tmp_path / "out", 1), Watcher()
    DAMAGE[name](training.checkpoints / file)
    assert run(training.plan(), observer=watcher)
    assert "Going on from step 20 of 40." in watcher.notes
    if (file, name) != ("000000023.json", "gone"):  # without its page it never was one
        assert re.search(rf"{re.escape(file)}: .*(damaged|missing)", watcher.notes[0])
    assert left_by(training) == calm[1, "ddp"]


def test_a_page_of_another_run_is_passed_over(
    data: Path, stopped_run: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path
) -> None:
    shutil.copytree(stopped_run, tmp_path / "out")
    training, watcher = Training(data, tmp_path / "out", 1), Watcher()
    page = json.loads((training.checkpoints / "000000023.json").read_text())
    page["position"]["plan_digest"] = "0" * 64
    del page["digest"]
    (training.checkpoints / "000000023.json").write_text(json.dumps({**page, "digest": digest_of(page)}))
    assert run(training.plan(), observer=watcher)
    assert "this checkpoint is of another run" in watcher.notes[0]
    assert left_by(training) == calm[1, "ddp"]


def test_all_processes_pass_over_what_one_finds_damaged(
    data: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path
) -> None:
    """The last checkpoint's file of the second process, whose checksum one of the two compares."""
    training = Training(data, tmp_path / "out", 2, "fsdp")
    kill_all_after(training, 10)
    step = last_step(training)
    truncated(0.5)(training.checkpoints / f"{step:09d}-00001.safetensors")
    assert ended(start(training)) == [0, 0]
    assert left_by(training) == calm[2, "fsdp"]


@pytest.mark.parametrize("world", WORLDS[:2], ids=lambda world: f"{world[0]} {world[1]}")
@pytest.mark.parametrize("after", [0, 5, 20])
def test_two_commands_at_once_end_with_the_same_weights(
    data: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path, world: tuple[int, str], after: int
) -> None:
    """The second begins with the first, or while that writes checkpoints and drops others."""
    training = Training(data, tmp_path / "out", *world, num_checkpoints=40, steps_between=1)
    first = start(training)
    while last_step(training) < after and all(worker.exitcode is None for worker in first):
        time.sleep(0.001)
    second = start(training)
    assert ended([*first, *second]) == [0, 0] * world[0]
    assert left_by(training) == calm[world]


def test_where_all_are_damaged_it_starts_anew_and_says_so(
    data: Path, stopped_run: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path
) -> None:
    shutil.copytree(stopped_run, tmp_path / "out")
    training, watcher = Training(data, tmp_path / "out", 1), Watcher()
    for path in training.checkpoints.glob("*.safetensors"):
        truncated(0.5)(path)
    assert run(training.plan(), observer=watcher)
    assert len([note for note in watcher.notes if "damaged" in note]) == 2
    assert not any("Going on from step" in note for note in watcher.notes)
    assert "No checkpoint is whole: the training starts anew." in watcher.notes
    assert left_by(training) == calm[1, "ddp"]


def test_storage_that_times_out_now_and_then_changes_nothing(
    data: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.storage.refusals.time.sleep", lambda _: None)
    with flaky_storage(every=0) as storage:
        for path in data.rglob("*"):
            if path.is_file():
                (Location("flaky://data") / str(path.relative_to(data))).write_bytes(path.read_bytes())
        plan = Training(Path("unused"), Path("unused"), 1)
        moved = flaky_plan(data, plan)
        storage.every = 7
        assert not run(moved, observer=Watcher(23))
        assert run(moved)
        assert storage.num_failed > 20
        storage.every = 0
        weights = (moved.out / "weights.safetensors").read_bytes()
        page = (moved.out / "metrics.jsonl").read_text()
    assert weights == calm[1, "ddp"][0]
    (tmp_path / "metrics.jsonl").write_text(page)
    assert figures(tmp_path) == calm[1, "ddp"][1]


@pytest.mark.parametrize("world", WORLDS[1:3], ids=lambda world: f"{world[0]} {world[1]}")
def test_storage_that_times_out_for_each_of_two_processes_changes_nothing(
    data: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path, world: tuple[int, str]
) -> None:
    """Killed once, so that checkpoints are read over the bad line, too."""
    training = Training(data, tmp_path / "out", *world, flaky_every=7)
    kill_all_after(training, 10)
    assert ended(start(training)) == [0, 0]
    assert left_by(training) == calm[world]
    num_failed = [int(page.read_text()) for page in tmp_path.glob("failed-*")]
    assert len(num_failed) == 2
    assert min(num_failed) > 0


def flaky_plan(data: Path, training: Training) -> Any:
    from dataclasses import replace

    from pipeline.training.telling import TellingConfig

    plan = Training(data, training.out, 1).plan()
    return replace(plan, dataset=Location("flaky://data"), out=Location("flaky://out"), telling=TellingConfig(sinks=()))


@pytest.mark.parametrize("after", [1, 4, 9, 14])
def test_a_disk_that_fills_up_leaves_the_last_checkpoint_whole(
    data: Path, calm: dict[tuple[int, str], Calm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    num_synced, plain = 0, os.fsync

    def sync_until_full(file: int) -> None:
        nonlocal num_synced
        num_synced += 1
        if num_synced > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(file)

    training = Training(data, tmp_path / "out", 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync_until_full)
        with pytest.raises(StorageError, match=r"the disk is full; nothing is half-written\. Free some space"):
            run(training.plan())
    assert not list(tmp_path.rglob(PARTIAL_PREFIX + "*"))
    assert run(training.plan())
    assert left_by(training) == calm[1, "ddp"]
    assert figures(training.out)


def test_nothing_that_is_read_can_run_code() -> None:
    """No reader of pickles is named anywhere in what is shipped."""
    root = Path(__file__).parents[2]
    sources = [path for part in ("models", "pipeline", "jobs") for path in (root / part).rglob("*.py")]
    assert len(sources) > 100
    named = re.compile(r"(?<!safetensors\.)\b(torch\.load|pickle\.loads?|Unpickler|shelve|joblib|dill|marshal)\b")
    found = {path.parent.name for path in sources if named.search(path.read_text())}
    assert found == {"guarding"}  # between a process and the child that it started itself, over a pipe
    loads = [line for path in sources for line in path.read_text().splitlines() if re.search(r"\bnp\.load\(", line)]
    assert loads
    assert all("allow_pickle=False" in line for line in loads)
