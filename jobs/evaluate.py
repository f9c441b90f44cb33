"""`evaluate`: Ray tasks score the parts of a split; the figures are printed and kept beside the model.

evaluate(model, dataset, EvaluateConfig(), cluster, console)

With what the model generated given as well, that is held against the split (`jobs/against_real.py`).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import ray
import torch
from rich.console import Console, Group

from jobs.against_real import Sides, hold_against_real
from jobs.cluster import Cluster
from jobs.evaluation_tables import tables
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.progress import progress, say
from pipeline.errors import Interrupted
from pipeline.evaluation.against_real.fit import check_f0, check_generated
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import Evaluation, conclude
from pipeline.evaluation.likelihood import Part, Scores, alone, check_fit, parts_of, score_part
from pipeline.model_folder import ExportedModel, load_model, read_model_info
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.storage import Location


@dataclass(frozen=True)
class Job:
    """What all tasks of an evaluation share. `digest` is the model's: a worker that holds another one loads it."""

    model: Location
    digest: str
    config: EvaluateConfig


def score(job: Job, number: int, dataset: Dataset, part: Part) -> tuple[int, Scores]:
    """What one task does: the scores of part `number`."""
    torch.set_num_threads(1)
    return number, score_part(dataset, part, loaded(job.model, job.digest), job.config)


score_task: Any = ray.remote(max_retries=TASK_RETRIES)(score)


@lru_cache(maxsize=1)
def loaded(model: Location, digest: str) -> ExportedModel:
    """The model, loaded once in each worker."""
    return load_model(model)


def evaluate(
    model: Location,
    dataset: Location,
    config: EvaluateConfig,
    cluster: Cluster,
    console: Console,
    out: Location | None = None,
    generated: Location | None = None,
) -> Evaluation:
    """Score a split exactly, and what the model `generated` against it; the page goes to `out` or MODEL/evaluations/.

    ModelError, DatasetError (another kind or conventions, no such split, drawn by another model), RequestError (a value
    that the model does not know), MissingExtra (F0 is to be estimated and cannot), Interrupted (Ctrl-C).
    """
    info = read_model_info(model)
    opened = open_dataset(dataset)
    check_fit(opened, info, config.split)
    sides = Sides(open_dataset(generated), opened, config.split, config.against_real) if generated else None
    if sides:
        check_generated(sides.generated, opened, info, str(model))
        check_f0(opened, config.against_real)
    try:
        scores = score_all(Job(model, info.digest, config), opened, cluster, console)
        against_real = hold_against_real(sides, cluster, console) if sides else None
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written. The same command starts again.") from None
    evaluation = replace(conclude(scores, model, info, opened, config.split), against_real=against_real)
    place = out or evaluation.place(model)
    place.write_text(evaluation.to_json())
    console.print(Group(*tables(evaluation)))
    for note in against_real.notes if against_real else ():
        say(console, note)
    say(console, f"written to {place}")
    return evaluation


def score_all(job: Job, dataset: Dataset, cluster: Cluster, console: Console) -> Scores:
    """Every part, merged in the order of the parts whichever was finished first: sums of floats depend on it."""
    parts = list(parts_of(dataset, job.config))
    limit = 2 * cluster.num_cpus  # asked for first: a Ray of our own starts with it
    shared = ray.put(job)
    found: dict[int, Scores] = {}
    num_levels = 0

    def submit(number: int) -> Any:
        return score_task.remote(shared, number, *alone(dataset, parts[number]))

    with progress(console, "evaluate", dataset.info.tally.num_levels[job.config.split]) as view:
        for number, scores in fan_out(range(len(parts)), submit, limit):
            found[number] = scores
            num_levels += scores.whole.num_levels
            view.update(num_levels, "levels")
    merged = Scores()
    for number in sorted(found):
        merged.add(found[number])
    return merged
