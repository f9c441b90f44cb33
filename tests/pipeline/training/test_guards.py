"""What stops a run before its last step: held-out bits that get no better, and numbers that are none."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.errors import ConfigError
from pipeline.model_folder import read_model_info
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.checkpoint import Best, Position
from pipeline.training.config import TrainingConfig
from pipeline.training.guards import is_stale
from pipeline.training.loop import Run, run
from pipeline.training.plan import RunPlan
from pipeline.training.schedule import learning_rate
from pipeline.training.step import Learner
from pipeline.training.world import Alone
from tests.pipeline.training.datasets import audio_dataset
from tests.pipeline.training.runs import Watcher, figures, small_plan


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


@pytest.mark.parametrize(
    ("step", "best", "is_over"), [(30, 30, False), (39, 20, False), (40, 20, True), (50, 20, True), (40, 30, False)]
)
def test_a_run_is_stale_after_so_many_validations_without_a_better_one(step: int, best: int, is_over: bool) -> None:
    config = TrainingConfig(validate_every=10, early_stop_validations=2)
    assert is_stale(config, Position(step, best=Best(best, 1.0))) == is_over
    assert not is_stale(replace(config, early_stop_validations=0), Position(step, best=Best(best, 1.0)))
    assert not is_stale(config, Position(step))


def stale_plan(dataset: Dataset, out: Path) -> RunPlan:
    """Steps so large that held-out bits soon get worse."""
    return small_plan(
        dataset, out, num_steps=60, learning_rate=0.5, validate_every=2, early_stop_validations=3, ema_decay=0.0
    )


def test_a_run_ends_early_with_its_best_weights_and_so_does_one_that_was_stopped(
    dataset: Dataset, tmp_path: Path
) -> None:
    assert run(stale_plan(dataset, tmp_path / "straight"))
    lines = figures(tmp_path / "straight")
    held_out = [line[2] for line in lines if line[2] is not None]
    assert lines[-1][0] < 60
    assert min(held_out) == held_out[-4]
    info = read_model_info(Location(str(tmp_path / "straight")))
    assert info.figures["num_steps"] == lines[-1][0] == info.figures["best_step"] + 6
    assert info.figures["validation_bits"] == min(held_out)
    assert info.figures["stopped"] == "early"
    for stop_after in (info.figures["best_step"] + 1, lines[-1][0] - 1):
        out = tmp_path / f"stopped after {stop_after}"
        assert not run(stale_plan(dataset, out), observer=Watcher(stop_after))
        assert run(stale_plan(dataset, out))
        assert figures(out) == lines
        assert read_model_info(Location(str(out))).weights_sha256 == info.weights_sha256
    before = (tmp_path / "straight/model.json").read_bytes()
    assert run(stale_plan(dataset, tmp_path / "straight"))
    assert (tmp_path / "straight/model.json").read_bytes() == before


def lose_the_weights(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """After this step the weights are no numbers, though its gradient was finite."""
    update = Learner.update

    def spoiled(learner: Learner, at: int) -> float:
        norm = update(learner, at)
        if at == step:
            for model in (learner.model, learner.average):
                torch.nn.utils.vector_to_parameters(torch.tensor([math.nan]).expand(10**4), model.parameters())
        return norm

    monkeypatch.setattr(Learner, "update", spoiled)


def test_what_diverged_is_written_down(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint after step 2 holds just the weights that give no loss: the one before it is the last good one."""
    lose_the_weights(monkeypatch, step=1)
    plan = small_plan(dataset, tmp_path / "out", checkpoint_every=1)
    with pytest.raises(ConfigError, match=r"diverged at step 2: .*diverged.json.*good checkpoint is .*000000001.json"):
        run(plan)
    assert (tmp_path / "out/run/checkpoints/000000002.json").exists()
    page = json.loads((tmp_path / "out/run/diverged.json").read_text())
    assert page["step"] == 2
    assert page["last_good_checkpoint"] == 1
    assert page["seed"] == 0
    assert page["learning_rate"] == pytest.approx(learning_rate(plan.training, 2))
    assert page["loss_nats"] == page["gradient_norm"] == "nan"
    slots = Run(plan, dataset, Alone(), Watcher()).supply.order.batch(2)
    assert len(page["item_ids"]) == len(slots)
    assert all(item.startswith("item-") for item in page["item_ids"])
    assert [stop - start for start, stop in page["windows"]] == [slot.num_levels for slot in slots]
    assert [start for start, _ in page["windows"]] == [slot.window * plan.training.window for slot in slots]


def test_where_there_is_no_good_checkpoint_it_is_said(dataset: Dataset, tmp_path: Path) -> None:
    plan = small_plan(
        dataset, tmp_path / "out", learning_rate=1e30, warm_up_steps=0, precision="float32", checkpoint_every=1
    )
    with pytest.raises(ConfigError, match=r"diverged at step 1: .*There is no good checkpoint yet"):
        run(plan)


def test_held_out_bits_that_are_no_number_end_a_run_before_they_count(dataset: Dataset, tmp_path: Path) -> None:
    plan = small_plan(dataset, tmp_path / "out", learning_rate=1e30, warm_up_steps=0, precision="float32", num_steps=1)
    with pytest.raises(ConfigError, match=r"diverged at step 1: .*scored: item-"):
        run(plan)
    assert not (tmp_path / "out/model.json").exists()
    page = json.loads((tmp_path / "out/run/diverged.json").read_text())
    assert len(set(page["item_ids"])) == plan.training.validation_items


def test_weights_that_the_last_step_made_no_numbers_are_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without held-out rows no loss is taken of them; started again, the run still has no model to write."""
    plan = small_plan(audio_dataset(tmp_path / "data", num_held_out=0), tmp_path / "out")
    lose_the_weights(monkeypatch, step=7)
    refused = (
        r"weights after its last step, 8, are no finite numbers.*last good checkpoint is .*/000000006.json\. Lower"
    )
    with pytest.raises(ConfigError, match=refused):
        run(plan)
    assert (tmp_path / "out/run/checkpoints/000000008.json").exists()
    with pytest.raises(ConfigError, match=refused):
        run(plan)
    assert not (tmp_path / "out/model.json").exists()
    assert not (tmp_path / "out/weights.safetensors").exists()
