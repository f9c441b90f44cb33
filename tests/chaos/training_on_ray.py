"""A small training by Ray's workers, on a cluster that loses nodes.

`python -m tests.chaos.training_on_ray HOW DATASET OUT SEED` trains on a cluster of two nodes beside the head. HOW is
`lose_nodes`: now and then one is lost, and another comes; or `shrink`: an elastic run, by two workers, by one that is
left, and by two again.
"""

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import ray
from ray.cluster_utils import Cluster
from rich.console import Console

from jobs.cluster import Cluster as Connected
from jobs.cluster import connect
from jobs.recipes import Recipe
from jobs.train import train
from pipeline.storage import Location
from pipeline.training.telling import TellingConfig
from tests.chaos.training_runs import Training, last_step, wait_until
from tests.pipeline.training.runs import WAVENET
from tests.watching import below

NUM_LOST_NODES = 2


def on_ray(dataset: Path, out: Path, **changes: Any) -> Training:
    """One that is long enough to lose a worker or its node in."""
    return Training(dataset, out, 2, **{"num_checkpoints": 20, "steps_between": 6} | changes)


def recipe_of(training: Training, **changes: Any) -> Recipe:
    """The same training as a person asks for it."""
    plan = training.plan()
    told = TellingConfig(sinks=())
    return Recipe(WAVENET, plan.training, num_workers=training.size, execution=plan.execution, telling=told, **changes)


def train_on(training: Training, cluster: Connected, screen: TextIO, **changes: Any) -> None:
    """To the end, telling of it."""
    dataset, out = (Location(str(place)) for place in (training.dataset, training.out))
    train(dataset, out, recipe_of(training, **changes), cluster, Console(file=screen, width=200))


def ranks(driver: int) -> list[int]:
    """The processes of a driver's workers that train."""
    return [pid for pid, line in below(driver).items() if b"RayTrainWorker" in line]


def kill_a_rank(training: Training, chance: random.Random, is_over: Callable[[], bool]) -> int:
    """SIGKILL of one of this process's workers at a random point; how many were killed."""
    wait_until(training, chance, is_over)
    if is_over() or not (found := ranks(os.getpid())):
        return 0
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(chance.choice(found), signal.SIGKILL)
        return 1
    return 0


class Nodes:
    """A head without a place to work and two nodes of one each. They come and go in the main thread."""

    def __init__(self) -> None:
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.nodes = [self.another() for _ in range(2)]

    def another(self) -> Any:
        """One more."""
        return self.cluster.add_node(num_cpus=1, object_store_memory=2**27)

    def lose_one(self, chance: random.Random) -> None:
        """SIGKILL of a raylet, with which all of its node end."""
        (raylet,) = self.nodes.pop(chance.randrange(len(self.nodes))).all_processes["raylet"]
        os.kill(raylet.process.pid, signal.SIGKILL)
        print("a raylet was killed", flush=True)


def lose_nodes(training: Training, nodes: Nodes, runner: threading.Thread, chance: random.Random) -> None:
    """Now and then one is lost, and another comes."""
    for _ in range(NUM_LOST_NODES):
        wait_until(training, chance, lambda: not runner.is_alive())
        if not runner.is_alive():
            return
        nodes.lose_one(chance)
        nodes.nodes.append(nodes.another())


def shrink(training: Training, nodes: Nodes, runner: threading.Thread, chance: random.Random) -> None:
    """Two, one, two again; how many wrote a checkpoint tells how many there were."""

    def written_by(size: int, since: int) -> Callable[[], bool]:
        return lambda: last_step(training) > since and num_writers(training) == size

    wait_for(written_by(2, 0), runner)
    nodes.lose_one(chance)
    lost_at = last_step(training)
    wait_for(written_by(1, lost_at), runner)
    print("goes on with one", flush=True)
    nodes.nodes.append(nodes.another())
    wait_for(written_by(2, lost_at), runner)
    print("goes on with two", flush=True)


def num_writers(training: Training) -> int:
    """How many wrote the last checkpoint; 0 where it is dropped meanwhile, or there is none."""
    page = training.checkpoints / f"{last_step(training):09d}.json"
    try:
        return len(json.loads(page.read_text())["files"])
    except (ValueError, OSError):
        return 0


def wait_for(condition: Callable[[], bool], runner: threading.Thread) -> None:
    """Until it holds."""
    until = time.monotonic() + 150
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        assert runner.is_alive(), "the run is over"
        time.sleep(0.05)


def watch(training: Training, runner: threading.Thread) -> None:
    """Say so where the last checkpoint is an earlier one than before: what was kept was not gone on from."""
    furthest = 0
    while runner.is_alive():
        step = last_step(training)
        if step < furthest:
            print(f"went back to {step} from {furthest}", flush=True)
        furthest = max(step, furthest)
        time.sleep(0.005)


HOW = {"lose_nodes": lose_nodes, "shrink": shrink}


def main(how: str, dataset: Path, out: Path, seed: int) -> None:
    """Train on nodes that come and go."""
    nodes, is_elastic = Nodes(), how == "shrink"
    length = {"num_checkpoints": 2000, "steps_between": 100} if is_elastic else {"num_checkpoints": 40}
    training = on_ray(dataset, out, **length)
    ray.init(address=nodes.cluster.address, log_to_driver=False)

    def run() -> None:
        with connect() as connected:
            train_on(training, connected, sys.stdout, **{"elastic": True, "min_workers": 1} if is_elastic else {})
        print("all is trained", flush=True)

    runner = threading.Thread(target=run, daemon=True)
    runner.start()
    threading.Thread(target=watch, args=(training, runner), daemon=True).start()
    HOW[how](training, nodes, runner, random.Random(seed))
    if not is_elastic:
        runner.join()
    ray.shutdown()
    nodes.cluster.shutdown()
    os._exit(0)  # under an elastic run that is still at work


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
