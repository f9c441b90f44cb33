"""SIGKILL of the driver, of workers, of a node, at random points: the dataset is the undisturbed one, byte for byte.

Few seeds run every time; `pytest -m slow tests/chaos` runs the rest of twenty, those of the driver by the command.
"""

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jobs.cluster import connect
from jobs.prepare import prepare
from pipeline.storage import locate
from tests.chaos.runs import (
    CONFIG,
    ROOT,
    SETTINGS,
    Undisturbed,
    content_of,
    fired_at,
    kill_once,
    wait_until,
    workers,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="finds processes by way of /proc")


def slowly(first: int, end: int) -> list[Any]:
    """Seeds that run where slow tests are asked for."""
    return [pytest.param(seed, marks=pytest.mark.slow) for seed in range(first, end)]


def is_calm(out: Path, calm: Undisturbed) -> None:
    """Hold a folder to the undisturbed one: names first, which say more when they differ."""
    found = content_of(out)
    assert sorted(found) == sorted(calm.content)
    assert [name for name in found if found[name] != calm.content[name]] == []


@pytest.mark.parametrize("seed", [*slowly(0, 1), 1, *slowly(2, 4)])
def test_the_process_that_prepares(calm: Undisturbed, tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-m", "tests.chaos.runs", str(calm.corpus), str(tmp_path / "out")]
    for count, delay_s in fired_at(seed, calm.num_shards):
        kill_once(command, tmp_path / "out", count, delay_s)
    subprocess.run(command, cwd=ROOT, check=True)
    is_calm(tmp_path / "out", calm)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", range(100, 108))
def test_the_command(calm: Undisturbed, tmp_path: Path, seed: int) -> None:
    command = [sys.executable, "-m", "jobs.cli", "prepare", str(calm.corpus), str(tmp_path / "out"), *SETTINGS]
    for count, delay_s in fired_at(seed, calm.num_shards):
        kill_once(command, tmp_path / "out", count, delay_s)
    subprocess.run(command, cwd=ROOT, check=True)
    is_calm(tmp_path / "out", calm)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_local")
@pytest.mark.parametrize("seed", [200, *slowly(201, 202), 202, *slowly(203, 208)])
def test_workers(calm: Undisturbed, tmp_path: Path, seed: int) -> None:
    out, is_over, killed = tmp_path / "out", threading.Event(), list[int]()

    def fire() -> None:
        chance = random.Random(seed)
        for count, delay_s in fired_at(seed, calm.num_shards // 2):  # while there is enough left to find one at work
            wait_until(out, count, delay_s, is_over.is_set)
            while not (found := workers()) and not is_over.is_set():
                time.sleep(0.002)
            if found:
                killed.append(chance.choice(found))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(killed[-1], signal.SIGKILL)

    shooter = threading.Thread(target=fire)
    shooter.start()
    try:
        with connect() as cluster:
            prepare(locate(str(calm.corpus)), locate(str(out)), CONFIG, cluster, Console(file=io.StringIO()))
    finally:
        is_over.set()
        shooter.join()
    assert killed
    is_calm(out, calm)


NODES = """
import os, signal, sys, threading
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from rich.console import Console
from jobs.cluster import connect
from jobs.prepare import prepare
from pipeline.storage import locate
from tests.chaos.runs import CONFIG, fired_at, wait_until

corpus, out, seed, num_shards = *map(Path, sys.argv[1:3]), *map(int, sys.argv[3:5])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
node = cluster.add_node(num_cpus=1, object_store_memory=2**27)

def fire():
    count, delay_s = next(fired_at(seed, num_shards))
    wait_until(out, count + 1, delay_s, lambda: False)
    (raylet,) = node.all_processes["raylet"]
    os.kill(raylet.process.pid, signal.SIGKILL)
    print("a raylet was killed", flush=True)

ray.init(address=cluster.address, log_to_driver=False)
threading.Thread(target=fire, daemon=True).start()
with connect() as connected:
    prepare(locate(str(corpus)), locate(str(out)), CONFIG, connected, Console())
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.ray
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [300, *slowly(301, 304)])
def test_a_node(calm: Undisturbed, tmp_path: Path, short_folder: Path, seed: int) -> None:
    places = [str(calm.corpus), str(tmp_path / "out"), str(seed), str(calm.num_shards)]
    (short_folder / "ray").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": str(short_folder)}
    done = subprocess.run(
        [sys.executable, "-c", NODES, *places], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a raylet was killed" in done.stdout
    is_calm(tmp_path / "out", calm)
