"""`report`: any mix of datasets, models and evaluations to one page that can be opened, mailed and read offline.

report([locate("demo")], locate("demo/report.html"), console)

It reads a few rows of each dataset in this process. On a running Ray (`--address`) a worker makes the page instead,
which is next to the datasets where this machine is not; the page is written from here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from jobs.cluster import Cluster
from jobs.progress import say
from pipeline.errors import ConfigError, OccupiedError
from pipeline.model_folder import MODEL_FILE, read_model_info
from pipeline.reports.config import ReportConfig
from pipeline.reports.page import render_page
from pipeline.reports.subjects import (
    EVALUATION_FORMAT,
    TIMINGS_FORMAT,
    DatasetSubject,
    EvaluationSubject,
    ModelSubject,
    RunSubject,
    Subjects,
    check_evaluation,
    read_json_object,
    read_metrics,
    read_timings,
)
from pipeline.shards.dataset import DATASET_FILE, PLAN_FILE, open_dataset
from pipeline.shards.schema import FORMAT as DATASET_FORMAT
from pipeline.storage import Location
from pipeline.training.guards import DIVERGED_FILE
from pipeline.training.metrics import METRICS_FILE
from pipeline.training.plan import PLAN_FILE as RUN_PLAN_FILE
from pipeline.training.plan import RUN_FOLDER, read_plan_page

EXPECTED = "a dataset, a model, a training, an evaluation or timings page, or a folder that holds some of these"

EVALUATIONS_FOLDER = "evaluations"

DEEPEST = 3
"""How far below a given folder is looked: demo/model-speech/evaluations/x.json and no further."""

MOST_FOLDERS = 2000
"""A folder of this many others is a corpus or a home directory given by mistake."""


@dataclass
class Found:
    """What has been recognised so far."""

    datasets: dict[str, DatasetSubject] = field(default_factory=dict)
    models: dict[str, ModelSubject] = field(default_factory=dict)
    runs: dict[str, RunSubject] = field(default_factory=dict)
    evaluations: dict[str, EvaluationSubject] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    num_looked_at: int = 0
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.datasets) + len(self.models) + len(self.runs) + len(self.evaluations) + len(self.timings)

    def subjects(self) -> Subjects:
        """The same for the page."""
        datasets, models = tuple(self.datasets.values()), tuple(self.models.values())
        evaluations, runs = tuple(self.evaluations.values()), tuple(self.runs.values())
        return Subjects(datasets, models, evaluations, self.timings, runs)


def report(
    paths: Sequence[Location],
    out: Location,
    console: Console,
    config: ReportConfig | None = None,
    cluster: Cluster | None = None,
) -> Location:
    """Write the report on `paths` to `out` (a file, or a folder to write report.html into); returns the file.

    ConfigError where a path is nothing that can be reported on; DatasetError and ModelError for damaged ones.
    """
    place = place_of(out)
    config = config or ReportConfig()
    page, notes = make_page_on_ray(paths, config, cluster) if cluster else make_page(paths, config)
    for note in notes:
        say(console, note)
    place.write_text(page)
    say(console, f"report: {place} ({len(page.encode()) / 1e6:.1f} MB)")
    return place


def make_page(paths: Sequence[Location], config: ReportConfig) -> tuple[str, list[str]]:
    """The page, and what was left out of it."""
    found = Found()
    for path in paths:
        before = len(found)
        recognise(path, found)
        if len(found) == before:
            raise ConfigError(f"{path}: expected {EXPECTED}; found none. Check the path.")
    return render_page(found.subjects(), config), found.notes


def make_page_on_ray(paths: Sequence[Location], config: ReportConfig, cluster: Cluster) -> tuple[str, list[str]]:
    """The same, made by a worker."""
    import ray

    from jobs.fan_out import TASK_RETRIES, fetch

    task: Any = ray.remote(num_cpus=min(1, cluster.num_cpus), max_retries=TASK_RETRIES)(make_page)
    page, notes = fetch(task.remote(paths, config))
    return page, notes


def place_of(out: Location) -> Location:
    """The file to write: `out`, or report.html in it."""
    if out.is_folder() or not out.name.endswith((".html", ".htm")):
        out = out / "report.html"
    if out.is_folder():
        raise OccupiedError(f"{out} is a folder; expected the name of a file to write the report to.")
    return out


def recognise(path: Location, found: Found) -> None:
    """One path that the user gave."""
    if not path.exists():
        raise ConfigError(f"{path} does not exist; expected {EXPECTED}. Check the path.")
    if path.is_file():
        add_page(path, found)
        return
    if (path / PLAN_FILE).is_file() and not (path / DATASET_FILE).is_file():
        open_dataset(path)  # says that it is not finished, and what to do
    search(path, found, DEEPEST)


def search(folder: Location, found: Found, depth: int) -> None:
    """A folder: itself, or what stands below it."""
    found.num_looked_at += 1
    if found.num_looked_at > MOST_FOLDERS:
        raise ConfigError(f"{folder}: looked into {MOST_FOLDERS} folders; give the ones to report on by name.")
    names = folder.names()
    if DATASET_FILE in names:
        found.datasets[folder.uri] = DatasetSubject(folder.name, open_dataset(folder))
        return
    if PLAN_FILE in names and known_page(folder / PLAN_FILE, is_asked_for=False).get("format") == DATASET_FORMAT:
        found.notes.append(f"report: {folder} is not finished and left out")
        return
    if add_training(folder, names, found):
        names = [name for name in names if name == EVALUATIONS_FOLDER]  # the rest is the training run's own
    for place in pages(folder, names):
        add_page(place, found, is_asked_for=False)
    for name in names if depth else ():
        if (folder / name).is_folder():
            search(folder / name, found, depth - 1)


def add_training(folder: Location, names: Sequence[str], found: Found) -> bool:
    """A trained model, or a training that is still to be gone on with."""
    place = folder / RUN_FOLDER / RUN_PLAN_FILE
    if MODEL_FILE in names:
        info = read_model_info(folder)
        found.models[folder.uri] = ModelSubject(folder.name, info, read_metrics(folder / METRICS_FILE))
    elif RUN_FOLDER in names and place.is_file():
        metrics, page = read_metrics(folder / METRICS_FILE), folder / RUN_FOLDER / DIVERGED_FILE
        diverged = known_page(page, is_asked_for=False) if page.is_file() else {}
        found.runs[folder.uri] = RunSubject(folder.name, read_plan_page(place), metrics, diverged)
    else:
        return False
    return True


def pages(folder: Location, names: Sequence[str]) -> Iterator[Location]:
    """JSON files that may be pages of ours."""
    for name in names:
        if name.endswith(".json") and (folder / name).is_file():
            yield folder / name


def add_page(place: Location, found: Found, *, is_asked_for: bool = True) -> None:
    """An evaluation or a timings page; another file is an error where the user named it, else passed over."""
    page = known_page(place, is_asked_for)
    if page.get("format") == EVALUATION_FORMAT:
        check_evaluation(page, str(place))
        found.evaluations[place.uri] = EvaluationSubject(last_part(page["model"]), page)
    elif page.get("format") == TIMINGS_FORMAT:
        found.timings.update(read_timings(page, str(place)))
    elif is_asked_for:
        raise ConfigError(f"{place}: expected {EXPECTED}; this JSON file is of format {page.get('format')!r}.")


def known_page(place: Location, is_asked_for: bool) -> dict[str, Any]:
    """The page, or an empty one for somebody else's JSON that lies about."""
    try:
        return read_json_object(place)
    except ConfigError:
        if is_asked_for:
            raise
        return {}


def last_part(path: str) -> str:
    """A model's name from where it stood when it was evaluated."""
    return path.rstrip("/").rsplit("/", 1)[-1]
