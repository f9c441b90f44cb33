"""Real processes over gloo. They are forked from one that has imported torch: starting them costs no time."""

import multiprocessing
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

Job = Callable[[], None]
"""What every process does; it can be sent to one."""

context: Any = multiprocessing.get_context("forkserver")
LATE = ["pandas", "torch._dynamo", "torch.distributed.checkpoint", "torch.distributed.tensor"]
"""What every process of a training would import as it goes, for seconds: the first optimiser needs torch._dynamo."""

context.set_forkserver_preload(["tests.pipeline.training.fleet", "pipeline.training.loop", "tests.models.tiny", *LATE])


def work(rank: int, size: int, meeting: str, jobs: Sequence[Job]) -> None:
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=size, timeout=timedelta(seconds=60)
    )
    for job in jobs:
        job()
    torch.distributed.destroy_process_group()


def run_jobs(jobs: Sequence[Job], size: int, folder: Path) -> None:
    """Every job, one after the other, by `size` processes together."""
    meeting = str(folder / f"meeting-of-{size}")
    workers = [context.Process(target=work, args=(rank, size, meeting, jobs)) for rank in range(size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
        assert worker.exitcode == 0
