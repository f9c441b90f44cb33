"""Settings without effect are told before the work starts; no recipe of ours has one."""

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from jobs.cluster import RunningCluster
from jobs.no_effect import of_training, of_trial
from jobs.recipes import Recipe, load_recipe, recipe_names
from jobs.sweep import parse_sweep, sweep
from jobs.train import train
from models import MODELS
from pipeline.conditions import Conditioning
from pipeline.errors import Interrupted
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.execution import ExecutionConfig
from pipeline.training.plan import RunPlan
from tests.pipeline.training.datasets import AUDIO, IMAGES, audio_dataset
from tests.pipeline.training.runs import TRAINING, WAVENET

OF_LOCAL_ONE = "execution.parallel=fsdp has no effect with one worker: it holds all weights."


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


def planned(recipe: Recipe) -> RunPlan:
    """As far as it is looked at."""
    name, nowhere = recipe.model["name"], Location("nowhere")
    conventions = AUDIO if MODELS[name].kind == "audio" else IMAGES
    plan = RunPlan(nowhere, nowhere, "", name, None, recipe.training, conventions, Conditioning())
    return replace(plan, execution=recipe.execution, telling=recipe.telling)


@pytest.mark.parametrize("name", recipe_names())
def test_no_recipe_sets_what_has_no_effect(name: str) -> None:
    recipe = load_recipe(name)
    assert list(of_training(recipe, planned(recipe), recipe.num_workers)) == []


def test_fewest_workers_are_for_an_elastic_run() -> None:
    recipe = Recipe(WAVENET, TRAINING, num_workers=4, min_workers=2)
    (said,) = of_training(recipe, planned(recipe), 4)
    assert said == "min_workers=2 has no effect: the run is not elastic; set elastic=true for it."
    assert list(of_training(replace(recipe, elastic=True), planned(recipe), 4)) == []
    (said,) = of_training(replace(recipe, elastic=True, min_workers=4), planned(recipe), 4)
    assert said == "elastic=true has no effect: min_workers and num_workers are both 4."


def test_a_trial_has_one_worker() -> None:
    recipe = Recipe(WAVENET, TRAINING, num_workers=4, elastic=True, min_workers=2)
    why = "has no effect in a sweep: one worker trains each trial."
    said = [f"num_workers=4 {why}", f"elastic=true {why}", f"min_workers=2 {why}"]
    assert list(of_trial(recipe, planned(recipe))) == said
    assert list(of_trial(Recipe(WAVENET, TRAINING), planned(recipe))) == []


def stop(*_: Any) -> Any:
    raise Interrupted("before the work")


def test_train_tells_it_before_it_starts(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.train.Training", lambda *_: SimpleNamespace(run=stop))
    page, recipe = io.StringIO(), Recipe(WAVENET, TRAINING, execution=ExecutionConfig(parallel="fsdp"))
    with pytest.raises(Interrupted):
        train(dataset.folder, Location(str(tmp_path / "out")), recipe, RunningCluster("", 1, 0), Console(file=page))
    assert OF_LOCAL_ONE in page.getvalue().splitlines()


def test_a_sweep_tells_it_once_for_all_trials(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.sweep.run_trials", stop)
    data = {
        "model": {**WAVENET, "dilations": [1, 2, 4]},
        "training": {"validate_every": 4},
        "execution": {"parallel": "fsdp"},
        "num_workers": 3,
        "sweep": {"space": {"training.seed": {"integer": [0, 9]}}, "num_trials": 3},
    }
    page, wanted = io.StringIO(), parse_sweep("some", data, "here")
    with pytest.raises(Interrupted):
        sweep(dataset.folder, Location(str(tmp_path / "out")), wanted, RunningCluster("", 1, 0), Console(file=page))
    assert page.getvalue().splitlines() == [
        "num_workers=3 has no effect in a sweep: one worker trains each trial.",
        OF_LOCAL_ONE,
    ]
