"""The aligner trained over a cluster: one Ray task for each shard of features and pass."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import ray
from rich.console import Console

from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.progress import ProgressView, progress
from pipeline.errors import PassingStorageError, StorageError
from pipeline.items import Item
from pipeline.speech.alignment.acoustic_model import AcousticModel, model_bytes, model_from
from pipeline.speech.alignment.cache import Reader
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.passes import OverShards, num_runs, train_on
from pipeline.storage import Location

SHARDS_IN_FLIGHT_PER_CPU = 2


def train_aligner(
    items: Callable[[], Iterable[Item]],
    model_at: Location,
    read: Reader,
    config: AlignmentConfig,
    cluster: Cluster,
    console: Console,
) -> AcousticModel:
    """The model that lies at `model_at`; where there is none, one is trained on a choice of the items and put there.

    One that is there is kept whatever the corpus has become, so that what was aligned by it stays as it is. Features
    lie beside it while it is trained, in a folder that is gone afterwards: all workers must reach the place.
    Raises CorpusError where no item can be trained on, ModelError where what lies there is no model.
    """
    if model_at.is_file():
        return model_from(model_at.read_bytes(), str(model_at))
    scratch = Location(f"{model_at}.features")
    try:
        with progress(console, "align", num_runs(config)) as view:
            model = train_on(items, scratch, read, config, shown(on_ray(cluster), view))
    except StorageError:
        if not model_at.is_file():
            raise
        # Another command on this folder has trained it meanwhile, and cleared away the features of both.
        return model_from(model_at.read_bytes(), str(model_at))
    model_at.write_bytes(model_bytes(model))
    return model


def on_ray(cluster: Cluster) -> OverShards:
    """Functions over shards by the cluster's workers."""

    def over(function: Callable[[Any], Any], plans: Iterable[Any]) -> Iterator[Any]:
        task = ray.remote(num_cpus=1, max_retries=TASK_RETRIES, retry_exceptions=[PassingStorageError])(call)
        limit = SHARDS_IN_FLIGHT_PER_CPU * cluster.num_cpus
        function_once = ray.put(function)  # it carries the model: sent to a machine once, not with every task
        return fan_out(plans, lambda plan: task.remote(function_once, plan), limit, hedge=True)

    return over


def call(function: Callable[[Any], Any], plan: Any) -> Any:
    """What a worker does: the function is of `pipeline/`."""
    return function(plan)


def shown(over: OverShards, view: ProgressView) -> OverShards:
    """The same, each run over all shards told."""

    def told(function: Callable[[Any], Any], plans: Iterable[Any]) -> Iterator[Any]:
        yield from over(function, plans)
        view.advance()

    return told
