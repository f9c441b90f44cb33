"""`export`: Ray tasks write the parts of a dataset in a layout that others read; what stands already is passed over.

export(dataset, out, ExportConfig("ljspeech"), cluster, console)
"""

from typing import Any

import ray
from rich.console import Console

from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.progress import progress, say
from pipeline.errors import Interrupted, PassingStorageError
from pipeline.outputs.config import ExportConfig
from pipeline.outputs.export import claim_export, finish, known_records
from pipeline.outputs.job import Job
from pipeline.outputs.layouts import check_fit
from pipeline.outputs.naming import naming_of
from pipeline.outputs.part import Done, export_part
from pipeline.outputs.plan import Part, parts_of
from pipeline.outputs.proof import Record
from pipeline.outputs.untold import untold
from pipeline.shards.dataset import open_dataset
from pipeline.storage import Location

PARTS_IN_FLIGHT_PER_CPU = 2
"""One at work and one waiting, so that no worker idles and few plans stand in memory."""


def export(dataset: Location, out: Location, config: ExportConfig, cluster: Cluster, console: Console) -> list[Record]:
    """Write a dataset in another layout. The same command again goes on where it stopped, and ends with the same bytes.

    DatasetError (of a kind that the layout cannot hold), OccupiedError, StorageError, Interrupted (Ctrl-C).
    """
    opened = open_dataset(dataset)
    check_fit(opened, config)
    claim_export(opened, out, config)
    job = Job(opened, out, config, naming_of(opened))
    try:
        done = write_parts(job, cluster, console)
        finish(job, [part.record for part in done])
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; what is whole in {out} is kept. The same command goes on.") from None
    say(console, summary(job, done))
    if line := untold(opened.info, config):
        say(console, line)
    return [part.record for part in done]


def write_parts(job: Job, cluster: Cluster, console: Console) -> list[Done]:
    """Every part, in the order of the dataset whichever was finished first."""
    known = known_records(job.out)
    limit = PARTS_IN_FLIGHT_PER_CPU * cluster.num_cpus  # asked for first: a Ray of our own starts with it
    task: Any = ray.remote(num_cpus=1, max_retries=TASK_RETRIES, retry_exceptions=[PassingStorageError])(export_part)
    shared = ray.put(job)
    done: dict[str, Done] = {}

    def submit(part: Part) -> Any:
        return task.remote(shared, part, known.get(part.name))

    with progress(console, "export", job.dataset.info.num_rows) as view:
        for part in fan_out(parts_of(job.dataset, job.config, job.naming), submit, limit, hedge=True):
            done[part.record.name] = part
            view.advance(part.record.num_items)
    return [done[name] for name in sorted(done)]


def summary(job: Job, done: list[Done]) -> str:
    """What there is now."""
    records = [part.record for part in done]
    num_stood = sum(part.stood for part in done)
    stood = f" ({num_stood:,} stood already)" if num_stood else ""
    num_bytes, num_files = (sum(getattr(one, name) for one in records) for name in ("num_bytes", "num_files"))
    return (
        f"{job.out}: {job.dataset.info.num_rows:,} items as {job.config.layout}, {num_files:,} files, "
        f"{num_bytes / 2**20:,.1f} MiB, parts: {len(records):,}{stood}"
    )
