"""`sweep`: many short trainings with other settings each, the hopeless ones ended early; through Ray Tune.

OUT/sweep.json          what the folder is for: recipe, space, dataset
OUT/trials/007/         trial 7: a run's folder, which `train` goes on with, `report` shows and `generate` draws from
OUT/trials.jsonl        at the end: a line for each trial, the best first
OUT/best.yaml           the best trial's recipe: ancestral train DATASET MODEL --recipe NAME --config OUT/best.yaml

The same command goes on where it stopped: trials that have ended (OUT/trials/007/outcome.json) stay as they are, others
go on from their checkpoints.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from jobs.cluster import Cluster
from jobs.config import overlay, parse_config, to_yaml
from jobs.no_effect import of_trial, say_each
from jobs.progress import ProgressView, progress, say
from jobs.recipes import Recipe, parse_recipe
from jobs.sweep_space import SweepConfig, drawn_settings, nested
from jobs.train import ray_storage
from pipeline.errors import AncestralError, ConfigError, Interrupted, OccupiedError, StorageError
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.shards.plan import digest_of
from pipeline.storage import Location
from pipeline.training.loop import run
from pipeline.training.metrics import Measured
from pipeline.training.plan import HELD_OUT_SPLIT, RunPlan, finished, make_plan
from pipeline.training.world import Alone

SWEEP_FILE, TRIALS_FILE, BEST_FILE = "sweep.json", "trials.jsonl", "best.yaml"
OUTCOME_FILE = "outcome.json"
FORMAT = "ancestral-sweep"
MOST_LOSSES = 3
"""How often a trial is started again whose worker was lost; it goes on from its checkpoint."""


@dataclass(frozen=True)
class Trial:
    """One training of a sweep: its number, what it varies, its whole recipe and plan."""

    number: int
    settings: Mapping[str, Any]
    recipe: Recipe
    plan: RunPlan


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. `status`: finished, stopped (others were better at that step) or failed, with its reason."""

    trial: int
    status: str
    step: int
    validation_bits: float | None
    settings: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True)
class Sweep:
    """A sweep as it is asked for: a recipe's name, its data without the sweep section, which is `config`."""

    recipe: str
    data: Mapping[str, Any]
    where: str
    config: SweepConfig


def parse_sweep(recipe: str, data: Mapping[str, Any], where: str) -> Sweep:
    """A recipe's name, and its data with a `sweep` section, to a sweep; ConfigError for what is unknown."""
    settings = dict(data)
    config = parse_config(SweepConfig, settings.pop("sweep", {}), f"{where}: sweep")
    parse_recipe(settings, where)
    return Sweep(recipe, settings, where, config)


def sweep(dataset: Location, out: Location, wanted: Sweep, cluster: Cluster, console: Console) -> list[Outcome]:
    """Run all trials; returns their outcomes, the best first. ConfigError, OccupiedError, Interrupted (Ctrl-C)."""
    trials = plan_trials(open_dataset(dataset), out, wanted)
    claim(out, wanted, dataset_digest=trials[0].plan.dataset_digest)
    known = [outcome for trial in trials if (outcome := known_outcome(trial))]
    left = [trial for trial in trials if trial.number not in {outcome.trial for outcome in known}]
    say_each(console, (sentence for trial in left for sentence in of_trial(trial.recipe, trial.plan)))
    try:
        with progress(console, "sweep", len(trials)) as view:
            view.update(len(known))
            found = run_trials(left, out, wanted.config, cluster, view) if left else []
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; the same command goes on from the trials' checkpoints in {out}.") from None
    outcomes = sorted([*known, *found], key=rank_of)
    write_outcomes(out, trials, outcomes)
    tell(console, f"ancestral train {dataset} MODEL --recipe {wanted.recipe} --config {out / BEST_FILE}", out, outcomes)
    return outcomes


def plan_trials(dataset: Dataset, out: Location, wanted: Sweep) -> list[Trial]:
    """Every trial, its settings checked as `train` would, before any of them starts."""
    if not dataset.info.tally.num_rows.get(HELD_OUT_SPLIT):
        raise ConfigError(
            f"{dataset.folder} has no rows of split {HELD_OUT_SPLIT!r}: a sweep compares trials by their held-out "
            "bits; prepare it again with a share for validation."
        )
    return [
        plan_trial(dataset, out, wanted, number, settings)
        for number, settings in enumerate(drawn_settings(wanted.config))
    ]


def plan_trial(dataset: Dataset, out: Location, wanted: Sweep, number: int, settings: Mapping[str, Any]) -> Trial:
    """One trial."""
    data, where = dict(wanted.data), f"{wanted.where}, trial {number} ({', '.join(shown(settings))})"
    for name, value in settings.items():
        data = overlay(data, nested(name, value))
    recipe = parse_recipe(data, where)
    if recipe.training.validate_every > wanted.config.grace_steps:
        raise ConfigError(
            f"{where}: training.validate_every is {recipe.training.validate_every} and sweep.grace_steps "
            f"{wanted.config.grace_steps}: they are compared at validations; lower the one, or raise the other."
        )
    plan = make_plan(dataset, out / "trials" / f"{number:03d}", recipe.model, recipe.training)
    plan = replace(plan, execution=recipe.execution, telling=recipe.telling, keeps_validated=True)
    return Trial(number, settings, recipe, plan)


def claim(out: Location, wanted: Sweep, dataset_digest: str) -> None:
    """Make the folder this sweep's, or refuse one that is anything else."""
    place = out / SWEEP_FILE
    page = {"format": FORMAT, "dataset": dataset_digest, "recipe": wanted.data, "sweep": asdict(wanted.config)}
    page = json.loads(json.dumps({**page, "digest": digest_of(page)}))
    if not place.is_file():
        if names := out.names():
            raise OccupiedError(f"{out} already holds something else ({', '.join(names[:3])}); choose another folder.")
        place.write_text(json.dumps(page, indent=1) + "\n")
        return
    try:
        before = json.loads(place.read_text())
    except ValueError as error:
        raise OccupiedError(f"{place}: damaged ({error}); choose another folder.") from error
    if before != page:
        raise OccupiedError(
            f"{out} holds a sweep with other settings or of another dataset; give the same to go on with it, or choose "
            "another folder."
        )


def run_trials(
    trials: Sequence[Trial], out: Location, config: SweepConfig, cluster: Cluster, view: ProgressView
) -> list[Outcome]:
    """Trials on Ray Tune, as many at once as there are GPUs, or CPUs where there are none."""
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # the new one prints a page of its own, however quiet it is to be
    # Ray Tune takes Ctrl-C for the end of the sweep, and trials that it has cut off for ones that it has stopped.
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # the table tells them, without their tracebacks
    os.environ.setdefault(
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1"
    )  # its logs are nobody's, and stay open after Ctrl-C
    from ray import tune

    resources = {"gpu": 1} if cluster.num_gpus else {"cpu": 1}
    plans = {trial.number: trial.plan for trial in trials}
    longest = max(plan.training.num_steps for plan in plans.values())
    scheduler = tune.schedulers.ASHAScheduler(
        time_attr="step",
        max_t=longest + 1,  # or it would end those that reach their last step, before they are exported
        grace_period=min(config.grace_steps, longest),
        reduction_factor=config.reduction,
    )
    with ray_storage(out) as storage:
        results = tune.Tuner(
            tune.with_resources(tune.with_parameters(train_one, plans=plans), resources),
            param_space={"trial": tune.grid_search([trial.number for trial in trials])},
            tune_config=tune.TuneConfig(metric="bits", mode="min", scheduler=scheduler),
            run_config=tune.RunConfig(
                name="sweep",
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=MOST_LOSSES),
                callbacks=[watcher(view, trials)],
                **storage,
            ),
        ).fit()
    by_number = {trial.number: trial for trial in trials}
    return [outcome_of(by_number[result.config["trial"]], result.metrics or {}, result.error) for result in results]


def train_one(config: Mapping[str, Any], plans: Mapping[int, RunPlan]) -> None:
    """One trial on its worker. What its settings lead to (divergence, above all) ends the trial and not the sweep.

    What storage refuses is no answer to the question that a trial is: it is tried again, now and by the next command.
    """
    import torch
    from ray import tune

    torch.set_num_threads(1)
    plan = plans[config["trial"]]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        run(plan, Alone(device), Reporter(tune.report))
    except StorageError:
        raise
    except AncestralError as error:
        tune.report({"step": 0, "bits": float("inf"), "reason": str(error)})
        return
    info = finished(plan)
    if info is not None:
        figures = info.figures
        tune.report({"step": figures["num_steps"], "bits": figures["validation_bits"], "is_finished": True})


class Reporter:
    """Tells Ray Tune of each validation, which may end the trial there and then.

    It does so once the next step begins: by then the checkpoint of the validated one is written.
    """

    def __init__(self, report: Callable[[dict[str, Any]], None]) -> None:
        self.report = report
        self.untold: dict[str, Any] = {}

    def measured(self, measured: Measured) -> None:  # noqa: D102
        if measured.validation_bits is not None:
            self.untold = {"step": measured.step, "bits": measured.best_bits}

    def note(self, text: str) -> None:  # noqa: D102
        pass

    def stop_asked(self, step: int) -> bool:  # noqa: D102
        untold, self.untold = self.untold, {}
        if untold:
            self.report(untold)
        return False


def watcher(view: ProgressView, trials: Sequence[Trial]) -> Any:
    """What shows how far the sweep is, and writes down how each trial ended."""
    from ray.tune import Callback

    class Watcher(Callback):
        def __init__(self, view: ProgressView) -> None:
            self.view, self.best, self.num_ended = view, float("inf"), 0
            self.trials = {trial.number: trial for trial in trials}

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Ray Tune writes its callbacks down; this one is for the terminal of now

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            self.best = min(self.best, result.get("bits", self.best))
            self.view.update(self.num_ended, f"best so far {self.best:.3f} bits")

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            ended = self.trials[trial.config["trial"]]
            write_outcome(ended, outcome_of(ended, trial.last_result or {}))
            self.num_ended += 1
            self.view.update(self.num_ended, f"best so far {self.best:.3f} bits")

    return Watcher(view)


def outcome_of(trial: Trial, metrics: Mapping[str, Any], error: object = None) -> Outcome:
    """How a trial ended, from what Ray Tune has of it."""
    step, bits = metrics.get("step", 0), metrics.get("bits")
    reason = metrics.get("reason") or (str(error).strip().splitlines()[-1] if error else "")
    status = "failed" if reason else "finished" if metrics.get("is_finished") else "stopped"
    kept = bits if bits is not None and bits < float("inf") and not error else None
    return Outcome(trial.number, status, step, kept, trial.settings, reason)


def write_outcome(trial: Trial, outcome: Outcome) -> None:
    """Beside the run's own files."""
    (trial.plan.out / OUTCOME_FILE).write_text(json.dumps(asdict(outcome)) + "\n")


def known_outcome(trial: Trial) -> Outcome | None:
    """How a trial has ended, where it has; one whose worker was lost too often is tried again."""
    place = trial.plan.out / OUTCOME_FILE
    try:
        return Outcome(**json.loads(place.read_text())) if place.is_file() else None
    except (ValueError, TypeError):
        return None


def rank_of(outcome: Outcome) -> tuple[float, int]:
    """The fewest bits first, what has none last."""
    return (float("inf") if outcome.validation_bits is None else outcome.validation_bits, outcome.trial)


def write_outcomes(out: Location, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> None:
    """The table, and the best trial's recipe."""
    (out / TRIALS_FILE).write_text("".join(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes))
    if outcomes[0].validation_bits is not None:
        (out / BEST_FILE).write_text(to_yaml(trials[outcomes[0].trial].recipe))


def tell(console: Console, command: str, out: Location, outcomes: Sequence[Outcome]) -> None:
    """The table for a person, and the command that trains the best whole."""
    console.print(table_of(outcomes))
    best = outcomes[0]
    if best.validation_bits is None:
        say(console, "No trial came to a validation.")
        return
    say(console, f"{out}: the best is trial {best.trial}, {out / 'trials' / f'{best.trial:03d}'}. To train it whole:")
    say(console, f"  {command}")


def table_of(outcomes: Sequence[Outcome]) -> Table:
    """A row for each; what tells it from others stands below each other, and below that why it failed."""
    table = Table("trial", "held-out bits", "step", "", Column("settings", overflow="fold"), box=None)
    alike = alike_in_all(outcomes)
    for outcome in outcomes:
        bits = "" if outcome.validation_bits is None else f"{outcome.validation_bits:.4f}"
        settings = shown({name: value for name, value in outcome.settings.items() if name not in alike})
        why = [outcome.reason[:80]] if outcome.reason else []
        cells = f"{outcome.trial:03d}", bits, str(outcome.step), outcome.status, "\n".join(settings + why)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def alike_in_all(outcomes: Sequence[Outcome]) -> set[str]:
    """The settings with one value in all trials, which tells none from another."""
    values = {name: {repr(one.settings.get(name)) for one in outcomes} for name in outcomes[0].settings}
    return {name for name, its_values in values.items() if len(its_values) == 1 < len(outcomes)}


def shown(settings: Mapping[str, Any]) -> list[str]:
    """Settings as a person gives them."""
    values = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in settings.items()}
    return [f"{name}={value}" for name, value in values.items()]
