"""A sweep: what is varied and how, and one of four trials on Ray Tune of which some are ended early."""

import gc
import io
import json
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from rich.console import Console

from jobs.cluster import describe
from jobs.config import parse_yaml
from jobs.recipes import parse_recipe
from jobs.sweep import (
    Outcome,
    Reporter,
    Sweep,
    claim,
    parse_sweep,
    plan_trials,
    rank_of,
    sweep,
    tell,
    train_one,
)
from jobs.sweep_space import SweepConfig, drawn_settings
from pipeline.errors import ConfigError, Interrupted, OccupiedError, StorageError
from pipeline.model_folder import load_model
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.checkpoint import last_step
from pipeline.training.loop import run
from tests.pipeline.training.datasets import audio_dataset
from tests.pipeline.training.runs import WAVENET
from tests.watching import ctrl_c_once, files_in

SPACE: dict[str, Any] = {
    "training.learning_rate": {"log_uniform": [1e-4, 1e-1]},
    "model.residual_channels": {"choice": [3, 4, 5]},
    "training.batch_size": {"integer": [2, 4]},
    "training.final_share": {"uniform": [0.0, 0.5]},
}
TRAINING = {
    "num_steps": 40,
    "window": 50,
    "validate_every": 4,
    "checkpoint_every": 8,
    "warm_up_steps": 1,
    "precision": "float64",
    "validation_items": 3,
}


def data(**sweep: Any) -> dict[str, Any]:
    model = {**WAVENET, "dilations": list(WAVENET["dilations"])}
    return {"model": model, "training": TRAINING, "sweep": {"space": SPACE, "grace_steps": 4, **sweep}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


def test_trials_are_a_function_of_space_and_seed() -> None:
    config = SweepConfig(SPACE, num_trials=30)
    trials = drawn_settings(config)
    assert trials == drawn_settings(SweepConfig(SPACE, num_trials=30))
    assert trials[:10] == drawn_settings(SweepConfig(SPACE, num_trials=10))
    assert trials != drawn_settings(SweepConfig(SPACE, num_trials=30, seed=1))
    without = {name: way for name, way in SPACE.items() if name != "training.batch_size"}
    rates = [trial["training.learning_rate"] for trial in drawn_settings(SweepConfig(without, num_trials=30))]
    assert rates == [trial["training.learning_rate"] for trial in trials]
    assert len(set(rates)) == 30
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert sum(rate < 3.2e-3 for rate in rates) in range(8, 23)  # as many below the middle factor as above
    assert {trial["model.residual_channels"] for trial in trials} == {3, 4, 5}
    assert {trial["training.batch_size"] for trial in trials} == {2, 3, 4}


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"log_uniform": [0.0, 1.0]}, "log_uniform needs numbers above 0"),
        ({"uniform": [2.0, 1.0]}, "needs two numbers, the smaller first"),
        ({"integer": [1.5, 2]}, "integer needs two numbers"),
        ({"uniform": [float("nan"), 1.0]}, "needs two numbers"),
        ({"uniform": [0.0, float("inf")]}, "needs two numbers"),
        ({"choice": []}, "choice needs at least one value"),
        ({"loguniform": [1.0, 2.0]}, "Did you mean log_uniform"),
        ({"choice": [1], "uniform": [1, 2]}, "expected one of choice, uniform, log_uniform, integer"),
    ],
)
def test_a_way_that_is_none_is_named(way: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"sweep: .*space.training.learning_rate: .*{message}"):
        parse_sweep("some", data(space={"training.learning_rate": way}), "here")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {}}, "sweep.space names none"),
        ({"space": {"training.learning_rat": {"choice": [1.0]}}}, r"trial 0 .*Did you mean training.learning_rate"),
        ({"space": {"training.learning_rate": {"choice": [-1.0]}}}, r"trial 0 \(training.learning_rate=-1\)"),
        ({"space": {"model.gate_channels": {"choice": [7]}}}, "trial 0 .*gate_channels"),
        ({"grace_steps": 2}, "validate_every is 4 and sweep.grace_steps 2"),
    ],
)
def test_every_trial_is_checked_before_any_starts(
    dataset: Dataset, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_trials(dataset, Location(str(tmp_path / "out")), parse_sweep("some", data(**changes), "here"))
    assert not (tmp_path / "out").exists()


def test_without_held_out_rows_there_is_nothing_to_compare_by(tmp_path: Path) -> None:
    dataset = audio_dataset(tmp_path / "data", num_held_out=0)
    with pytest.raises(ConfigError, match="compares trials by their held-out bits"):
        plan_trials(dataset, Location(str(tmp_path / "out")), parse_sweep("some", data(), "here"))


def test_a_folder_is_one_sweeps(tmp_path: Path) -> None:
    out, wanted = Location(str(tmp_path / "out")), parse_sweep("some", data(), "here")
    claim(out, wanted, "digest")
    claim(out, wanted, "digest")
    for other, digest in ((parse_sweep("some", data(seed=1), "here"), "digest"), (wanted, "another")):
        with pytest.raises(OccupiedError, match="a sweep with other settings or of another dataset"):
            claim(out, other, digest)
    (tmp_path / "taken/x").mkdir(parents=True)
    with pytest.raises(OccupiedError, match="already holds something else"):
        claim(Location(str(tmp_path / "taken")), wanted, "digest")


def test_the_best_come_first_and_those_that_failed_last() -> None:
    outcomes = [Outcome(n, "finished", 1, bits, {}) for n, bits in enumerate([3.0, None, 2.0])]
    assert [outcome.trial for outcome in sorted(outcomes, key=rank_of)] == [2, 0, 1]


class Ended(Exception):
    """Ray Tune ends a trial where it tells of itself."""


@pytest.mark.parametrize("validate_every", [4, 5])
def test_a_trial_that_is_ended_can_be_gone_on_with_and_knows_its_best(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validate_every: int
) -> None:
    """It is ended at its second validation, and its best; all that come after it are worse."""
    bits = iter([3.0, 2.5, *[2.8] * 10])
    monkeypatch.setattr("pipeline.training.loop.measure_bits", lambda *given: next(bits))
    settings = data(num_trials=1, grace_steps=5)
    settings["training"] = {**TRAINING, "validate_every": validate_every, "checkpoint_every": 100}
    (trial,) = plan_trials(dataset, Location(str(tmp_path)), parse_sweep("some", settings, "here"))
    told: list[dict[str, Any]] = []

    def report(line: dict[str, Any]) -> None:
        told.append(line)
        if len(told) == 2:
            raise Ended

    with pytest.raises(Ended):
        run(trial.plan, observer=Reporter(report))
    assert [line["step"] for line in told] == [validate_every, 2 * validate_every]
    assert last_step(trial.plan.run_folder) == 2 * validate_every
    lines = [json.loads(line) for line in (trial.plan.out / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 2 * validate_every
    assert run(trial.plan, observer=Reporter(told.append))
    assert [line["bits"] for line in told] == [3.0, *[2.5] * (40 // validate_every - 2)]
    assert load_model(trial.plan.out).info.figures["validation_bits"] == 2.5


@pytest.mark.parametrize(("error", "is_an_answer"), [(ConfigError("diverged"), True), (StorageError("full"), False)])
def test_what_storage_refuses_is_no_answer(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, is_an_answer: bool
) -> None:
    """A trial that failed by its own settings is done; one that had no room is tried again."""
    (trial,) = plan_trials(dataset, Location(str(tmp_path)), parse_sweep("some", data(num_trials=1), "here"))
    told: list[dict[str, Any]] = []

    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr("ray.tune.report", told.append)
    monkeypatch.setattr("jobs.sweep.run", fail)
    with nullcontext() if is_an_answer else pytest.raises(StorageError, match="full"):
        train_one({"trial": 0}, {0: trial.plan})
    assert [line["reason"] for line in told] == (["diverged"] if is_an_answer else [])


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_the_hopeless_are_ended_early_and_the_best_can_be_used(
    dataset: Dataset, tmp_path: Path, ray_local: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, page = Location(str(tmp_path / "out")), io.StringIO()
    rates = {"training.learning_rate": {"choice": [1e-6, 3e-2, 1e30]}}
    asked = data(space=rates, num_trials=3, seed=5, reduction=2)
    asked["training"] = {**TRAINING, "precision": "float32"}  # in which 1e30 is soon too much
    wanted: Sweep = parse_sweep("some", asked, "here")
    drawn = [trial["training.learning_rate"] for trial in drawn_settings(wanted.config)]
    assert drawn == [3e-2, 1e30, 1e-6]  # the second diverges, and leaves its place to the third
    console, with_resources = Console(file=page, width=200), tune.with_resources
    half = {"cpu": describe("local").num_cpus / 2}  # two at once, however many there is room for
    monkeypatch.setattr(tune, "with_resources", lambda trainable, _: with_resources(trainable, half))
    outcomes = sweep(dataset.folder, out, wanted, describe("local"), console)
    assert [(outcome.trial, outcome.status) for outcome in outcomes] == [(0, "finished"), (2, "stopped"), (1, "failed")]
    assert (outcomes[0].step, outcomes[1].step < 40) == (40, True)
    assert "training diverged" in outcomes[2].reason
    ended = tmp_path / "out/trials/002"
    assert (ended / "metrics.jsonl").exists()
    assert list(ended.glob("run/checkpoints/*.json"))
    lines = [json.loads(line) for line in (tmp_path / "out/trials.jsonl").read_text().splitlines()]
    assert [line["trial"] for line in lines] == [outcome.trial for outcome in outcomes]
    best = load_model(out / "trials" / f"{outcomes[0].trial:03d}")
    assert best.info.figures["validation_bits"] == outcomes[0].validation_bits
    recipe = parse_recipe(parse_yaml((tmp_path / "out/best.yaml").read_text(), "best"), "best")
    assert recipe.training.learning_rate == outcomes[0].settings["training.learning_rate"]
    assert not (tmp_path / "out/ray").exists()
    assert "the best is trial" in page.getvalue()
    assert f"MODEL --recipe some --config {out}/best.yaml" in page.getvalue()
    before = (tmp_path / "out/trials" / f"{outcomes[0].trial:03d}" / "model.json").stat().st_mtime_ns
    again = sweep(dataset.folder, out, wanted, describe("local"), console)
    assert again == outcomes
    assert (tmp_path / "out/trials" / f"{outcomes[0].trial:03d}" / "model.json").stat().st_mtime_ns == before


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_ctrl_c_ends_it_without_a_table_of_trials_that_were_cut_off(
    dataset: Dataset, tmp_path: Path, ray_local: None
) -> None:
    out = tmp_path / "out"
    endless = data(num_trials=30)
    wanted = parse_sweep("some", {**endless, "training": {**TRAINING, "num_steps": 10**6}}, "here")

    with (
        ctrl_c_once(lambda: files_in(out, "trials/*/run/checkpoints/*.json")),
        pytest.raises(Interrupted, match="the same command goes on"),
    ):
        sweep(dataset.folder, Location(str(out)), wanted, describe("local"), Console(file=io.StringIO()))
    with warnings.catch_warnings():  # Ray Tune leaves the files of its own log open when it is interrupted
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert list(out.glob("trials/*/run/checkpoints/*.json"))
    assert not (out / "trials.jsonl").exists()


def test_the_table_tells_trials_apart_on_a_narrow_screen() -> None:
    page, names = io.StringIO(), ("training.learning_rate", "training.warm_up_steps", "model.dilations")
    values = [(0.001, 0, [1, 2, 4]), (0.01, 0, [1, 2]), (1e30, 0, [1, 2])]
    settings = [dict(zip(names, one, strict=True)) for one in values]
    outcomes = [
        Outcome(0, "finished", 40, 3.25, settings[0]),
        Outcome(2, "stopped", 10, 4.5, settings[1]),
        Outcome(1, "failed", 2, None, settings[2], "training diverged at step 2: the loss is no number"),
    ]
    tell(Console(file=page, width=80), "ancestral train", Location("out"), outcomes)
    said = page.getvalue()
    for shown in ("learning_rate=0.001", "learning_rate=0.01", "learning_rate=1e+30", "dilations=[1, 2, 4]", "3.2500"):
        assert shown in said, said
    assert "warm_up_steps" not in said, "all trials have the same"
    tell(Console(file=page, width=80), "ancestral train", Location("out"), outcomes[:1])
    assert "training.warm_up_steps=0" in page.getvalue(), "of one trial all is told"
