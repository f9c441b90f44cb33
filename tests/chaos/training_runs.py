"""A small training that can be killed and started again; and what an undisturbed one leaves.

Plain processes over gloo do it, forked from one that has imported torch: starting them again costs no time. Ray's
workers do the same (`tests/chaos/training_on_ray.py`), and are held to what the plain ones leave.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from pipeline.shards.dataset import open_dataset
from pipeline.storage import Location
from pipeline.training.execution import ExecutionConfig
from pipeline.training.loop import run
from pipeline.training.plan import RunPlan
from pipeline.training.world import Alone, Distributed
from tests.chaos.flaky_storage import flaky_disk
from tests.pipeline.training.datasets import audio_dataset
from tests.pipeline.training.fleet import context
from tests.pipeline.training.runs import figures, small_plan
from tests.watching import files_in, is_writing

Calm = tuple[bytes, list[tuple[Any, ...]]]
"""The weights, and the lines of metrics without what the clock says."""


@dataclass(frozen=True)
class Training:
    """A plan's essentials, and by how many processes; `flaky_every` is which call fails of a storage that does."""

    dataset: Path
    out: Path
    size: int
    parallel: str = "ddp"
    num_checkpoints: int = 8
    steps_between: int = 5
    flaky_every: int = 0

    def plan(self) -> RunPlan:
        """The whole plan."""
        made = small_plan(open_dataset(Location(str(self.dataset))), self.out, **self.changes)
        made = replace(made, execution=ExecutionConfig(parallel=self.parallel))  # type: ignore[arg-type]
        return on_flaky_disk(made) if self.flaky_every else made

    @property
    def changes(self) -> dict[str, int]:
        """Its settings that are not those of every small run."""
        num_steps = self.num_checkpoints * self.steps_between
        of_steps = {"num_steps": num_steps, "checkpoint_every": self.steps_between}
        return of_steps | {"validate_every": num_steps // 2, "log_every": 3}

    @property
    def checkpoints(self) -> Path:
        """Where its checkpoints lie."""
        return self.out / "run/checkpoints"


def on_flaky_disk(plan: RunPlan) -> RunPlan:
    """The same run, its files behind a bad line."""
    dataset, out = (Location(f"flaky-disk://{place}") for place in (plan.dataset, plan.out))
    return replace(plan, dataset=dataset, out=out)


def make_dataset(folder: Path) -> Path:
    """The utterances that all of them are trained on."""
    audio_dataset(folder)
    return folder


def work(training: Training, rank: int, meeting: str) -> None:
    """One process."""
    torch.set_num_threads(1)
    with flaky_disk(training.flaky_every) as disk:
        take_part(training, rank, meeting)
    (training.out.parent / f"failed-{rank}-{time.monotonic_ns()}").write_text(str(disk.num_failed))


def take_part(training: Training, rank: int, meeting: str) -> None:
    """To the end of the run."""
    if training.size == 1:
        run(training.plan(), Alone())
        return
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{meeting}",
        rank=rank,
        world_size=training.size,
        timeout=timedelta(seconds=10),
    )
    run(training.plan(), Distributed(parallel=training.plan().execution.parallel))
    torch.distributed.destroy_process_group()


def start(training: Training) -> list[Any]:
    """All processes, at work."""
    training.out.mkdir(exist_ok=True, parents=True)
    meeting = str(training.out.parent / f"meeting-{time.monotonic_ns()}")
    workers = [context.Process(target=work, args=(training, rank, meeting)) for rank in range(training.size)]
    for worker in workers:
        worker.start()
    return workers


def ended(workers: list[Any]) -> list[int]:
    """The exit codes, once all have ended."""
    for worker in workers:
        worker.join(180)
    return [worker.exitcode for worker in workers]


def undisturbed(training: Training) -> Calm:
    """What is left where nothing goes wrong."""
    assert ended(start(training)) == [0] * training.size
    return left_by(training)


def left_by(training: Training) -> Calm:
    """What a finished run has left."""
    return (training.out / "weights.safetensors").read_bytes(), figures(training.out)


def kill_and_go_on(training: Training, seed: int) -> int:
    """Kill a process one to three times, at a random point each; then to the end. How many were killed at work."""
    chance, num_killed = random.Random(seed), 0
    for _ in range(chance.randint(1, 3)):
        workers = start(training)
        wait_until(training, chance, lambda workers=workers: any(w.exitcode is not None for w in workers))  # type: ignore[misc]
        victim = chance.choice(workers)
        num_killed += victim.exitcode is None
        if victim.exitcode is None:
            os.kill(victim.pid, signal.SIGKILL)
        ended(workers)
    codes = ended(start(training))
    assert codes == [0] * training.size
    return num_killed


def wait_until(training: Training, chance: random.Random, is_over: Callable[[], bool]) -> None:
    """Until a random checkpoint more is written; and then at once, soon after, or in the middle of the next write."""
    wanted = chance.randrange(1, training.num_checkpoints // 2) * training.steps_between + last_step(training)
    delay_s = chance.choice([0.0, chance.uniform(0.0, 0.05), -1.0])
    while not is_over() and last_step(training) < wanted:
        time.sleep(0.001)
    if delay_s >= 0:
        time.sleep(delay_s)
        return
    while not is_over() and not is_writing(training.checkpoints):
        pass


def last_step(training: Training) -> int:
    """Of the last page."""
    return max((int(page.stem) for page in files_in(training.checkpoints, "*.json")), default=0)
