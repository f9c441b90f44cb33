"""Small generations, undisturbed or in this process: what tests of `generate` share."""

import io
from typing import Any

from rich.console import Console

import jobs.generate as job
from jobs.cluster import RunningCluster
from jobs.generation_run import Run
from pipeline.errors import DisagreementError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import load_model
from pipeline.shards.dataset import DatasetInfo
from pipeline.storage import Location

ROOM = RunningCluster("local", 2, 0)


def run(model: Location, out: Location, requests: Location, **settings: Any) -> tuple[DatasetInfo, str]:
    """Generate two items a shard, unless told otherwise; what was made and what was said."""
    said = io.StringIO()
    config = GenerateConfig(**{"items_per_shard": 2, **settings})
    info = job.generate(model, out, requests, config, ROOM, Console(file=said, width=200))
    return info, said.getvalue()


def contents(out: Location) -> dict[str, bytes]:
    """Everything that a rerun has to give back byte by byte: all but the commits, which name time and host."""
    names = [entry.path for entry in out.files() if not entry.path.startswith("commits/")]
    return {name: (out / name).read_bytes() for name in names}


def draw_here(run: Run, num_actors: int) -> None:
    """What actors would, one shard after the other."""
    for plan in run.pending():
        run.drawn(generate_shard(run.work.out, plan, load_model(run.work.model), run.work.config))


class WrongCanary:
    """Sits in an actor that draws something else."""

    def compare(self, *given: Any, of_others: bool) -> int:
        raise DisagreementError("2 is not 3")
