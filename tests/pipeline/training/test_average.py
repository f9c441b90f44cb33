"""The running average of the weights: how it moves, where it begins, and which of its states is exported."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.model_folder import load_model
from pipeline.storage import Location
from pipeline.training import loop
from pipeline.training.loop import Run, run
from pipeline.training.plan import make_plan
from pipeline.training.prefetch import Taken
from pipeline.training.step import average_decay, move_average
from pipeline.training.world import Alone
from tests.pipeline.training.datasets import audio_dataset, image_dataset
from tests.pipeline.training.runs import TRAINING, Watcher, small_plan


def test_it_keeps_its_share_and_takes_the_rest() -> None:
    model, average = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
        average.weight.fill_(0.0)
    move_average(average, model, 0.75)
    assert average.weight.tolist() == [[0.25, 0.25]]
    move_average(average, model, 0.0)
    assert average.weight.tolist() == [[1.0, 1.0]]


def test_its_memory_grows_up_to_what_is_asked() -> None:
    decays = [average_decay(0.9, step) for step in range(200)]
    assert decays[0] == 0.1
    assert decays == sorted(decays)
    assert decays[-1] == 0.9
    assert average_decay(0.0, 50) == 0.0


def test_it_begins_at_the_models_own_start(tmp_path: Path) -> None:
    dataset = audio_dataset(tmp_path / "data")
    config = replace(TRAINING, condition_on=())
    plan = make_plan(dataset, Location(str(tmp_path / "out")), {"name": "linear_ar", "order": 2}, config)
    runner = Run(plan, dataset, Alone(), Watcher())
    runner.initialise()
    model, average = runner.learner.model.state_dict(), runner.learner.average.state_dict()
    assert all(torch.equal(model[name], average[name]) for name in model)


def test_the_best_is_exported_and_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = audio_dataset(tmp_path / "data")
    run(small_plan(dataset, tmp_path / "stops_at_best", num_steps=4, decay="constant"))
    bits = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(loop, "measure_bits", lambda *arguments: next(bits))
    run(small_plan(dataset, tmp_path / "gets_worse", num_steps=12, decay="constant"))
    best, worse = (load_model(Location(str(tmp_path / name))) for name in ("stops_at_best", "gets_worse"))
    assert worse.info.figures["best_step"] == 4
    assert worse.info.weights_sha256 == best.info.weights_sha256


def test_it_is_scored_without_dropout(tmp_path: Path) -> None:
    """Dropout is for the weights that learn; held-out bits have no chance in them."""
    dataset = image_dataset(tmp_path / "data")
    model = {"name": "pixelcnn_pp", "filters": 4, "num_resnets": 1, "num_resolutions": 1, "num_components": 2}
    plan = make_plan(dataset, Location(str(tmp_path / "out")), model, replace(TRAINING, condition_on=()))
    runner = Run(plan, dataset, Alone(), Watcher())
    runner.initialise()
    runner.take_step(runner.learner.model, Taken(runner.supply.part(0, 0, 1), 0.0))
    assert runner.learner.model.training
    first = runner.validate()
    assert runner.validate() == first
    runner.learner.average.train()
    assert runner.validate() != first, "there is no dropout: nothing is tested"
