"""`evaluate`: Ray tasks score the parts of a split; the figures are printed and kept beside the model.

evaluate(model, dataset, EvaluateConfig(), cluster, console)
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ray
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cluster import Cluster
from jobs.fan_out import TASK_RETRIES, fan_out
from jobs.progress import progress, say
from pipeline.errors import Interrupted
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import Evaluation, Figure, conclude
from pipeline.evaluation.likelihood import Part, Scores, alone, check_fit, parts_of, score_part
from pipeline.model_folder import ExportedModel, load_model, read_model_info
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.storage import Location

MOST_LINES = 12
"""Values of an attribute that are printed; the page has all of them."""


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
) -> Evaluation:
    """Score a split exactly; the page is written to `out`, or to MODEL/evaluations/.

    ModelError, DatasetError (another kind or conventions, no such split), RequestError (a value that the model does not
    know), Interrupted (Ctrl-C).
    """
    info = read_model_info(model)
    opened = open_dataset(dataset)
    check_fit(opened, info, config.split)
    try:
        scores = score_all(Job(model, info.digest, config), opened, cluster, console)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written. The same command starts again.") from None
    evaluation = conclude(scores, model, info, opened, config.split)
    place = out or evaluation.place(model)
    place.write_text(evaluation.to_json())
    console.print(table(evaluation))
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


def table(evaluation: Evaluation) -> Table:
    """The figures for a person."""
    page = Table(title=Text(f"{evaluation.split}: {evaluation.unit.replace('_', ' ')}"))
    page.add_column("")
    page.add_column("bits", justify="right")
    page.add_column("items", justify="right")
    page.add_column("levels", justify="right")
    page.add_row("model", f"{evaluation.bits:.4f}", f"{evaluation.num_items:,}", f"{evaluation.num_levels_scored:,}")
    if evaluation.marginal_bits is not None:
        page.add_row("histogram of the training split", f"{evaluation.marginal_bits:.4f}", "", "")
    page.add_row("all levels alike", f"{evaluation.uniform_bits:.4f}", "", "", end_section=True)
    for column, values in evaluation.per_attribute.items():
        add_rows(page, column, values)
    return page


def add_rows(page: Table, column: str, values: dict[str, Figure]) -> None:
    """One line a value, the first ones where there are many."""
    for value, figure in list(values.items())[:MOST_LINES]:
        page.add_row(Text(f"{column} {value}"), f"{figure.bits:.4f}", f"{figure.num_items:,}", f"{figure.num_levels:,}")
    if len(values) > MOST_LINES:
        page.add_row(Text(f"... {len(values) - MOST_LINES} more of {column}"), "", "", "")
