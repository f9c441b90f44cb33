"""Dropped conditions and dropout: chance that no number of workers changes, and no restart."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.chance import dropout_keys, dropped_conditions
from pipeline.training.config import TrainingConfig
from pipeline.training.loop import Run, run
from pipeline.training.parts import Part
from pipeline.training.plan import RunPlan, make_plan
from pipeline.training.step import backward
from pipeline.training.world import Alone
from tests.pipeline.training.datasets import audio_dataset, image_dataset
from tests.pipeline.training.runs import TRAINING, Played, Watcher, figures, small_plan

PICTURES: dict[str, Any] = {"filters": 4, "num_resnets": 1, "num_resolutions": 1, "num_components": 2, "dropout": 0.5}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return image_dataset(tmp_path_factory.mktemp("data") / "pictures")


def speech_plan(speech: Dataset, out: Path) -> RunPlan:
    return small_plan(speech, out, condition_dropout=0.4, batch_size=6)


def picture_plan(pictures: Dataset, out: Path) -> RunPlan:
    """A model with dropout, a part of whose conditions are dropped."""
    config = replace(TRAINING, condition_on=("label",), condition_dropout=0.4, batch_size=6)
    return make_plan(pictures, Location(str(out)), {"name": "pixelcnn_pp", **PICTURES}, config)


@pytest.fixture(params=["speech", "pictures"])
def plan(request: pytest.FixtureRequest, tmp_path: Path, speech: Dataset, pictures: Dataset) -> RunPlan:
    is_speech = request.param == "speech"
    return speech_plan(speech, tmp_path / "out") if is_speech else picture_plan(pictures, tmp_path / "out")


@pytest.fixture
def dataset(plan: RunPlan, speech: Dataset, pictures: Dataset) -> Dataset:
    return speech if plan.model_name == "wavenet" else pictures


def test_about_the_share_is_dropped_and_each_part_of_its_place_decides() -> None:
    numbers = range(5000)
    dropped = dropped_conditions(3, 7, numbers, 0.1)
    assert abs(int(dropped.sum()) - 500) < 4 * math.sqrt(450)
    for seed, step in ((4, 7), (3, 8), (3, 2**31 - 1)):
        other = dropped_conditions(seed, step, numbers, 0.1)
        assert abs(int((dropped & other).sum()) - 50) < 4 * math.sqrt(50)  # no more than chance has it
    assert torch.equal(dropped_conditions(3, 7, range(17, 5000, 3), 0.1), dropped[17::3])
    assert not dropped_conditions(3, 7, numbers, 0.0).any()


def test_every_window_has_a_key_of_its_own() -> None:
    keys = dropout_keys(3, 7, range(100))
    assert keys.shape == (100, 2)
    assert ((keys >= 0) & (keys < 2**32)).all()
    every = torch.cat([keys, dropout_keys(3, 8, range(100)), dropout_keys(4, 7, range(100))])
    assert len(every.unique(dim=0)) == 300
    assert torch.equal(dropout_keys(3, 7, range(5, 100, 4)), keys[5::4])


def gradients(plan: RunPlan, dataset: Dataset, size: int, step: int) -> tuple[float, dict[str, Tensor]]:
    """Nats and gradients of one step when `size` workers, played one after the other, add up theirs."""
    runner = Run(plan, dataset, Alone(), Watcher())
    runner.initialise()
    model, nats = runner.learner.model, 0.0
    for rank in range(size):
        part = runner.supply.part(step, rank, size)
        nats += backward(model, model, part, world=Played(rank, size))
    return nats, {name: weight.grad / size for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("size", [2, 3, 7])  # of 7 ranks over batches of 6 one has no window
def test_the_workers_gradients_add_up_to_those_of_one(plan: RunPlan, dataset: Dataset, size: int) -> None:
    nats, alone = gradients(plan, dataset, 1, step=1)
    shared_nats, shared = gradients(plan, dataset, size, step=1)
    assert shared_nats == pytest.approx(nats, rel=1e-10)
    assert shared.keys() == alone.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(shared[name], gradient, rtol=1e-8, atol=1e-12)
    assert nats != pytest.approx(gradients(plan, dataset, 1, step=2)[0], rel=1e-3)


def test_chance_is_there(plan: RunPlan, dataset: Dataset) -> None:
    """What the tests beside this one need to mean something."""
    runner = Run(plan, dataset, Alone(), Watcher())
    slots = runner.supply.order.batch(0)
    parts = [runner.supply.dealt(slots, step, 0, 1).batches[0] for step in range(5)]  # the same windows, at other steps
    assert all(torch.equal(part.x, parts[0].x) for part in parts)
    dropped = torch.stack(
        [part.condition.dropped for part in parts if part.condition and part.condition.dropped is not None]
    )
    assert dropped.shape == (5, len(slots))
    assert 0 < int(dropped.sum()) < dropped.numel()
    model = runner.learner.model
    runner.initialise()
    nats = [backward(model, model, Part([replace(part, condition=parts[0].condition)], [], 100)) for part in parts]
    assert len(set(nats)) == (1 if plan.model_name == "wavenet" else 5)  # WaveNet has no dropout


def test_a_stopped_run_goes_on_with_the_same_chances(plan: RunPlan) -> None:
    straight = replace(plan, out=plan.out / "straight")
    assert run(straight)
    broken = replace(plan, out=plan.out / "broken")
    assert not run(broken, observer=Watcher(5))
    assert run(broken)
    assert figures(Path(str(broken.out))) == figures(Path(str(straight.out)))
    weights = [(Path(str(each.out)) / "weights.safetensors").read_bytes() for each in (straight, broken)]
    assert weights[0] == weights[1]


def test_validation_drops_nothing(speech: Dataset, tmp_path: Path) -> None:
    bits = []
    for share in (0.0, 0.9):
        plan = small_plan(speech, tmp_path / f"{share}", condition_dropout=share)
        bits.append(Run(plan, speech, Alone(), Watcher()).validate())
    assert bits[0] == bits[1]


def test_without_the_setting_no_condition_is_ever_dropped(speech: Dataset, tmp_path: Path) -> None:
    runner = Run(small_plan(speech, tmp_path), speech, Alone(), Watcher())
    condition = runner.supply.part(0, 0, 1).batches[0].condition
    assert condition is not None
    assert condition.dropped is None


def test_a_share_that_means_nothing_is_refused() -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="condition_dropout must be at least 0 and below 1"):
            TrainingConfig(condition_on=("label",), condition_dropout=share)
    with pytest.raises(ValueError, match=r"condition_dropout is 0.1 and condition_on is empty: there is no condition"):
        TrainingConfig(condition_dropout=0.1)
