"""A generation whose shards take long enough to be killed in the middle of, and what there is to see of it meanwhile.

`python -m tests.chaos.generation_runs MODEL REQUESTS OUT SEED` generates on a cluster of nodes of which some are lost.
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
from dataclasses import dataclass
from pathlib import Path

from pipeline.generation.config import GenerateConfig
from pipeline.generation.snapshots import FOLDER, LENGTH_BYTES
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import NOTHING, save_tiny
from tests.watching import below, files_in

CONFIG = GenerateConfig(num_lanes=8, items_per_shard=8, num_actors=2, sampler="torch", snapshot_every_s=0.2)

SETTINGS = [f"--set={name}={getattr(CONFIG, name)}" for name in ("num_lanes", "items_per_shard", "sampler")]
SETTINGS += [f"--set=snapshot_every_s={CONFIG.snapshot_every_s}"]
"""The same for the command."""

NUM_LOST_NODES = 4


@dataclass(frozen=True)
class Generation:
    """A model, what is asked of it, and where to."""

    model: Path
    requests: Path
    out: Path

    @property
    def command(self) -> list[str]:
        """As a person gives it."""
        words = ["generate", str(self.model), str(self.out), "--requests", str(self.requests)]
        return [sys.executable, "-m", "jobs.cli", *words, *SETTINGS]

    def levels_kept(self) -> dict[str, int]:
        """How far each shard underway is, as its snapshot says; one that outlived its shard's commit says nothing."""
        done = {path.stem for path in files_in(self.out / "commits")}
        return {path.stem: levels_in(path) for path in files_in(self.out / FOLDER, "[!.]*") if path.stem not in done}


def ask(folder: Path, num_shards: int, num_timesteps: int) -> Generation:
    """So many shards of eight items each, all of different lengths."""
    save_tiny(Location(str(folder / "model")), "audio", NOTHING)
    lines = [{"count": 1, "num_timesteps": num_timesteps - 7 * number} for number in range(8 * num_shards)]
    (folder / "requests.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return Generation(folder / "model", folder / "requests.jsonl", folder / "out")


def levels_in(snapshot: Path) -> int:
    """Levels that need not be drawn again; 0 where the shard was committed meanwhile."""
    try:
        data = snapshot.read_bytes()
    except FileNotFoundError:
        return 0
    header = json.loads(data[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")])
    return int(json.loads(header["__metadata__"]["facts"])["num_levels"])


def wait_for_snapshots(out: Path, count: int, is_over: Callable[[], object]) -> None:
    """Until so many have been written from now on, or it is too late."""
    seen, num_seen = written(out), 0
    while num_seen < count and not is_over():
        time.sleep(0.005)
        now = written(out)
        num_seen, seen = num_seen + len(now - seen), now


def written(out: Path) -> set[tuple[str, int]]:
    """The snapshots that stand, each with when it was written."""
    found = set()
    for path in files_in(out / FOLDER, "[!.]*"):
        with contextlib.suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_mtime_ns))
    return found


def samplers(driver: int) -> list[int]:
    """The processes of a driver's actors."""
    return [pid for pid, line in below(driver).items() if line.startswith(b"ray::Sampler")]


def kill_a_sampler(driver: int, chance: random.Random) -> int:
    """SIGKILL of one actor; how many were killed."""
    if not (found := samplers(driver)):
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(found), signal.SIGKILL)
        return 1
    return 0


def main(model: Path, requests: Path, out: Path, seed: int) -> None:
    """Generate to the end on two nodes beside the head; one is lost now and then, and another comes.

    Nodes come and go in the main thread, which alone may start one.
    """
    import ray
    from ray.cluster_utils import Cluster
    from rich.console import Console

    from jobs.cluster import connect
    from jobs.generate import generate
    from pipeline.storage import locate

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=2**27) for _ in range(2)]
    chance = random.Random(seed)

    def run() -> None:
        with connect() as connected:
            generate(locate(str(model)), locate(str(out)), locate(str(requests)), CONFIG, connected, Console())
        print("all was generated", flush=True)

    ray.init(address=cluster.address, log_to_driver=False)
    runner = threading.Thread(target=run)
    runner.start()
    for _ in range(NUM_LOST_NODES):
        wait_for_snapshots(out, chance.randint(2, 6), lambda: not runner.is_alive())
        if not runner.is_alive():
            break
        (raylet,) = nodes.pop(chance.randrange(2)).all_processes["raylet"]
        os.kill(raylet.process.pid, signal.SIGKILL)
        print("a raylet was killed", flush=True)
        nodes.append(cluster.add_node(num_cpus=1, object_store_memory=2**27))
    runner.join()
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
