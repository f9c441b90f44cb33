"""`requests`: held-out rows of a dataset as requests to a model, which `evaluate --generated` finds again by their ids.

write_requests(model, dataset, out, CopyConfig(), console)

This process reads the dataset. On a running Ray (`--address`) a worker does, which is next to it where this machine is
not; the file is written from here.
"""

from typing import Any

from rich.console import Console

from jobs.cluster import Cluster
from jobs.progress import say
from pipeline.errors import DatasetError
from pipeline.evaluation.against_real.requests import CopyConfig, as_lines, chosen_requests
from pipeline.evaluation.likelihood import check_fit
from pipeline.model_folder import read_model_info
from pipeline.shards.dataset import open_dataset
from pipeline.storage import Location

Requests = list[dict[str, Any]]


def write_requests(
    model: Location,
    dataset: Location,
    out: Location,
    config: CopyConfig,
    console: Console,
    cluster: Cluster | None = None,
) -> int:
    """Write the requests; returns how many. ModelError, DatasetError (another kind, no such split, no fitting row)."""
    made = made_on_ray(model, dataset, config, cluster) if cluster else made_requests(model, dataset, config)
    requests, is_linguistic = made
    out.write_text(as_lines(requests))
    num_items = len(requests) * config.count
    say(console, f"{len(requests):,} requests for {num_items:,} items after rows of split {config.split}: {out}")
    if is_linguistic:
        say(console, "this model reads texts and lays out their phones itself: frames of what it draws are not aligned")
    say(console, f"next: ancestral generate {model} OUT --requests {out}")
    return len(requests)


def made_requests(model: Location, dataset: Location, config: CopyConfig) -> tuple[Requests, bool]:
    """The requests, and whether the model needs texts instead of phones."""
    info, opened = read_model_info(model), open_dataset(dataset)
    check_fit(opened, info, config.split)
    requests = chosen_requests(opened, info.conditioning, config)
    if not requests:
        needed = ", ".join(info.conditioning.columns)
        raise DatasetError(
            f"{dataset}: no row of split {config.split} has all that this model is conditioned on ({needed}). "
            "Prepare the corpus with it, or choose another split with --set split=NAME."
        )
    return requests, bool(info.conditioning.linguistic)


def made_on_ray(model: Location, dataset: Location, config: CopyConfig, cluster: Cluster) -> tuple[Requests, bool]:
    """The same, made by a worker."""
    import ray

    from jobs.fan_out import TASK_RETRIES, fetch

    task: Any = ray.remote(num_cpus=min(1, cluster.num_cpus), max_retries=TASK_RETRIES)(made_requests)
    requests, is_linguistic = fetch(task.remote(model, dataset, config))
    return requests, is_linguistic
