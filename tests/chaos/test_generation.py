"""SIGKILL of actors, nodes and the driver while a dataset is generated: it is the undisturbed one, byte for byte.

What a shard had drawn by its last snapshot is not drawn again. `pytest -m slow tests/chaos` kills twenty times.
"""

import io
import os
import random
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jobs.cluster import RunningCluster
from jobs.generate import conclude, generate
from jobs.generation_run import Run
from jobs.generation_work import checked_work
from pipeline.generation.advance import Advance
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import load_model
from pipeline.shards.commit import read_commit
from pipeline.shards.dataset import claim
from pipeline.storage import Location
from tests.chaos.generation_runs import (
    CONFIG,
    NUM_LOST_NODES,
    Generation,
    ask,
    kill_a_sampler,
    wait_for_snapshots,
)
from tests.chaos.runs import ROOT, content_of
from tests.watching import at_work, below, end_all, ray_folder_of, remove_when_quiet

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="finds processes by way of /proc"),
]

NOWHERE = Console(file=io.StringIO())


def places(asked: Generation) -> tuple[Location, Location, Location]:
    model, out, requests = (Location(str(path)) for path in (asked.model, asked.out, asked.requests))
    return model, out, requests


def made_calmly(asked: Generation) -> Generation:
    """The same in this process, where nothing goes wrong."""
    calm = replace(asked, out=asked.out.parent / "calm")
    work = checked_work(*places(calm), replace(CONFIG, snapshot_every_s=1e9), NOWHERE)
    claim(work.out, "generate", work.settings, {"model digest": work.info.digest})
    run, exported = Run(work, Advance(work.info.conventions, work.totals), NOWHERE), load_model(work.model)
    for plan in run.pending():
        run.drawn(generate_shard(work.out, plan, exported, work.config))
    conclude(run)
    return calm


def notes(out: Path) -> dict[str, dict[str, Any]]:
    """What each shard's commit says of the run that made it."""
    names = [path.stem for path in (out / "commits").iterdir()]
    commits = {name: read_commit(Location(str(out)), name) for name in names}
    return {name: commit.run for name, commit in commits.items() if commit is not None}


@pytest.mark.usefixtures("ray_local")
def test_an_actor_in_the_middle_of_its_longest_items(tmp_path: Path) -> None:
    asked, kept, killed, is_over = ask(tmp_path, 1, 10_000), dict[str, int](), list[int](), threading.Event()
    calm = made_calmly(asked)

    def fire() -> None:
        wait_for_snapshots(asked.out, 2, is_over.is_set)
        kept.update(asked.levels_kept())
        killed.append(kill_a_sampler(os.getpid(), random.Random(0)))

    shooter = threading.Thread(target=fire)
    shooter.start()
    config = replace(CONFIG, num_actors=1, snapshot_every_s=0.1)
    try:
        generate(*places(asked), config, RunningCluster("local", 2, 0), NOWHERE)
    finally:
        is_over.set()
        shooter.join()
    assert killed == [1]
    ((name, num_levels),) = kept.items()
    assert 0 < num_levels <= notes(asked.out)[name]["went_on_from_levels"]
    assert content_of(asked.out) == content_of(calm.out)


def interrupt(asked: Generation, chance: random.Random) -> tuple[int, dict[str, int] | None]:
    """Run the command, kill up to two of its actors, then itself; how many were killed, and what was kept then.

    None where all was drawn before it could be killed; nothing may be where it had drawn and begun no other.
    """
    num_killed = 0
    with at_work(asked.command, cwd=ROOT, stdout=subprocess.DEVNULL) as driver:

        def is_over() -> bool:
            return driver.poll() is not None

        for _ in range(chance.randint(0, 2)):
            wait_for_snapshots(asked.out, chance.randint(1, 5), is_over)
            num_killed += kill_a_sampler(driver.pid, chance)
        wait_for_snapshots(asked.out, chance.randint(1, 5), is_over)
        if is_over():
            return num_killed, None
        left, processes = ray_folder_of(driver.pid), below(driver.pid)
    end_all(processes)
    remove_when_quiet(left)
    return num_killed + 1, asked.levels_kept()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_command_and_its_actors_sixteen_times(tmp_path: Path) -> None:
    asked, chance, num_killed = ask(tmp_path, 6, 8000), random.Random(400), 0
    calm = made_calmly(asked)
    while num_killed < 16:
        more, kept = interrupt(asked, chance)
        num_killed += more
        if kept is None:
            assert content_of(asked.out) == content_of(calm.out)
            shutil.rmtree(asked.out)
    subprocess.run(asked.command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    made = notes(asked.out)
    kept = kept or {}
    told = [name for name in kept if "went_on_from_levels" in made[name]]  # one drawn a second time, hedged, tells none
    assert told or not kept
    assert all(made[name]["went_on_from_levels"] >= kept[name] > 0 for name in told)
    assert content_of(asked.out) == content_of(calm.out)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nodes_four_times(tmp_path: Path, short_folder: Path) -> None:
    asked = ask(tmp_path, 4, 20_000)
    calm = made_calmly(asked)
    (short_folder / "ray").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(short_folder)}
    paths = [str(path) for path in (asked.model, asked.requests, asked.out)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.generation_runs", *paths, "1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "all was generated" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("a raylet was killed") >= NUM_LOST_NODES // 2, "as many as there was time for"
    assert content_of(asked.out) == content_of(calm.out)
