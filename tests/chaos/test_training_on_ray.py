"""Ray's workers, their nodes and their driver are killed at random points: nothing is lost.

The finished weights and figures are those of two plain processes that nothing happened to, bit for bit.
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

from jobs.cluster import describe
from pipeline.training.loop import run
from tests.chaos.runs import ROOT
from tests.chaos.test_kills import slowly
from tests.chaos.training_on_ray import NUM_LOST_NODES, kill_a_rank, on_ray, recipe_of, train_on
from tests.chaos.training_runs import Calm, Training, left_by, make_dataset, undisturbed, wait_until
from tests.pipeline.training.runs import Watcher, figures
from tests.watching import at_work, below, end_all, ray_folder_of, remove_when_quiet

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="finds processes by way of /proc"),
]

PARALLEL = ["ddp", pytest.param("fsdp", marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("training") / "data")


@pytest.fixture(scope="module")
def calm(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Calm]:
    folder = tmp_path_factory.mktemp("calm")
    return cache(lambda how: undisturbed(on_ray(data, folder / how / "out", parallel=how)))


@pytest.mark.usefixtures("ray_local")
@pytest.mark.parametrize("parallel", PARALLEL)
@pytest.mark.parametrize("seed", [0, *slowly(1, 2)])
def test_a_worker(data: Path, calm: Callable[[str], Calm], tmp_path: Path, parallel: str, seed: int) -> None:
    training, is_over, killed = on_ray(data, tmp_path / "out", parallel=parallel), threading.Event(), list[int]()

    def fire() -> None:
        chance = random.Random(seed)
        killed.extend(kill_a_rank(training, chance, is_over.is_set) for _ in range(chance.randint(1, 2)))

    shooter, screen = threading.Thread(target=fire), StringIO()
    shooter.start()
    try:
        train_on(training, describe("local"), screen)
    finally:
        is_over.set()
        shooter.join()
    assert sum(killed) > 0
    assert "Going on from step" in screen.getvalue()
    assert left_by(training) == calm(parallel)
    assert not (training.out / "run/ray").exists()


def on_nodes(how: str, training: Training, short_folder: Path, seed: int) -> str:
    """What was told by a run on nodes that come and go."""
    (short_folder / "ray").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(short_folder)}
    words = [how, str(training.dataset), str(training.out), str(seed)]
    command = [sys.executable, "-m", "tests.chaos.training_on_ray", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_nodes(data: Path, tmp_path: Path, short_folder: Path, seed: int) -> None:
    training = on_ray(data, tmp_path / "out", num_checkpoints=40)
    told = on_nodes("lose_nodes", training, short_folder, seed)
    assert told.count("a raylet was killed") == NUM_LOST_NODES, told
    assert "went back" not in told, told
    assert "all is trained" in told, told
    assert left_by(training) == undisturbed(replace(training, out=tmp_path / "calm"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_command(data: Path, calm: Callable[[str], Calm], tmp_path: Path, seed: int) -> None:
    """As a person would: SIGKILL of `ancestral train`, and the same command once more."""
    training, chance = on_ray(data, tmp_path / "out"), random.Random(seed)
    recipe = recipe_of(training)
    (tmp_path / "recipe.yaml").write_text(json.dumps({"model": recipe.model, "training": asdict(recipe.training)}))
    words = ["train", str(data), str(training.out), "--recipe", "wavenet-small", "--set", "num_workers=2"]
    command = [sys.executable, "-m", "jobs.cli", *words, "--config", str(tmp_path / "recipe.yaml")]
    with at_work(command, cwd=ROOT, stdout=subprocess.DEVNULL) as driver:
        wait_until(training, chance, lambda: driver.poll() is not None)
        left, processes = ray_folder_of(driver.pid), below(driver.pid)
    end_all(processes)  # a fast machine's workers might train to the end in the seconds that they outlive their driver
    remove_when_quiet(left)
    assert len(processes) > 2
    assert not (training.out / "model.json").exists()
    again = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "Going on from step" in again.stdout
    assert left_by(training) == calm("ddp")


@pytest.mark.slow
def test_an_elastic_run_goes_on_with_one_worker_and_with_two_again(
    data: Path, tmp_path: Path, short_folder: Path
) -> None:
    """Its losses are those of one process that took all the same steps."""
    training = on_ray(data, tmp_path / "out", num_checkpoints=2000, steps_between=100)
    told = on_nodes("shrink", training, short_folder, 0)
    # Ray is ended under a training at work, in whatever way it takes that: what counts was printed before.
    assert told.count("goes on with") == 2, told
    # While they are started again there may be none for a moment.
    assert re.findall(r"Workers that train: ([12]), of at most 2\.", told)[:3] == ["2", "1", "2"], told
    here = figures(training.out)
    alone = replace(training, out=tmp_path / "alone", size=1)
    assert not run(alone.plan(), observer=Watcher(here[-1][0]))
    steps = [line[0] for line in here]
    assert len(steps) > 100
    expected = figures(alone.out)[: len(here)]
    assert steps == [line[0] for line in expected]
    assert [line[1] for line in here] == pytest.approx([line[1] for line in expected], rel=1e-8)
