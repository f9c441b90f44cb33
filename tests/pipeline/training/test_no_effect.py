"""What was set and changes nothing is said, and nothing else is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.linear_ar import LinearARConfig
from models.wavenet import WaveNetConfig
from pipeline.conditions import Conditioning
from pipeline.storage import Location
from pipeline.training.config import TrainingConfig
from pipeline.training.execution import ExecutionConfig
from pipeline.training.no_effect import settings_without_effect
from pipeline.training.plan import RunPlan
from pipeline.training.telling import TellingConfig
from tests.pipeline.training.datasets import AUDIO, IMAGES

SPREAD = ExecutionConfig(parallel="fsdp")
ALONE = "execution.parallel=fsdp has no effect with one worker: it holds all weights."
AGAIN = ExecutionConfig(recompute_activations=True)
WAVENET = WaveNetConfig(AUDIO.num_levels, residual_channels=4, gate_channels=8, dilations=(1, 2), num_stacks=1)


def planned(**changes: Any) -> RunPlan:
    nowhere = Location(str(Path("nowhere")))
    plan = RunPlan(nowhere, nowhere, "", "wavenet", WAVENET, TrainingConfig(), AUDIO, Conditioning())
    return replace(plan, **changes)


def of_linear_ar(execution: ExecutionConfig) -> RunPlan:
    config = LinearARConfig(order=2, num_levels=AUDIO.num_levels)
    return planned(model_name="linear_ar", model_config=config, execution=execution)


@pytest.mark.parametrize(
    ("plan", "num_workers", "said"),
    [
        (
            planned(execution=SPREAD),
            1,
            [ALONE],
        ),
        (planned(execution=SPREAD), 2, []),
        (
            of_linear_ar(SPREAD),
            2,
            [
                "execution.parallel=fsdp has no effect on model linear_ar, which is not made of parts: every worker "
                "holds all weights."
            ],
        ),
        (of_linear_ar(SPREAD), 1, [ALONE]),
        (planned(execution=AGAIN), 2, []),
        (
            of_linear_ar(AGAIN),
            1,
            [
                "execution.recompute_activations has no effect on model linear_ar, which is not made of parts: nothing "
                "is computed again."
            ],
        ),
    ],
)
def test_what_needs_workers_or_parts(plan: RunPlan, num_workers: int, said: list[str]) -> None:
    assert settings_without_effect(plan, num_workers) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"window": 100}, "training.window has no effect on pictures: a batch is of whole ones."),
        ({"bucket_batches": 4}, "training.bucket_batches saves nothing on pictures, which are all of one size: "),
    ],
)
def test_what_only_waveforms_have(changes: dict[str, Any], said: str) -> None:
    training = TrainingConfig(**changes)
    (found,) = settings_without_effect(planned(training=training, conventions=IMAGES), 2)
    assert found.startswith(said)
    assert settings_without_effect(planned(training=training), 2) == []


def test_pictures_are_drawn_whole() -> None:
    telling = TellingConfig(item_s=2.0)
    said = "telling.item_s has no effect on pictures: they are drawn whole."
    assert settings_without_effect(planned(telling=telling, conventions=IMAGES), 2) == [said]
    assert settings_without_effect(planned(telling=telling), 2) == []


def test_without_phones_there_are_no_frames() -> None:
    said = "training.frame_period_s has no effect: training.condition_on names no phones, so there are no frames."
    training = TrainingConfig(frame_period_s=0.01)
    assert settings_without_effect(planned(training=training), 2) == [said]
    assert settings_without_effect(planned(training=replace(training, condition_on=("phones",))), 2) == []


@pytest.mark.parametrize(
    ("changes", "choice", "said"),
    [
        ({"final_share": 0.1}, {"decay": "constant"}, "decay=constant: it belongs to cosine."),
        ({"halve_every_steps": 10}, {"decay": "cosine"}, "decay=cosine: it belongs to halving."),
        ({"decay_per_step": 0.9}, {"decay": "halving"}, "decay=halving: it belongs to exponential."),
        ({"adam_betas": (0.5, 0.9)}, {"optimiser": "rmsprop"}, "optimiser=rmsprop: it belongs to adam."),
    ],
)
def test_what_belongs_to_another_choice(changes: dict[str, Any], choice: dict[str, Any], said: str) -> None:
    (name,), ((setting, _),) = changes, choice.items()
    found = settings_without_effect(planned(training=TrainingConfig(**changes, **choice)), 2)
    assert found == [f"training.{name} has no effect with training.{said}"]
    suiting: dict[str, Any] = {setting: said.split()[-1].removesuffix(".")}
    assert settings_without_effect(planned(training=TrainingConfig(**changes, **suiting)), 2) == []


@pytest.mark.parametrize(
    ("changes", "num_workers", "said"),
    [
        ({"batch_size": 2}, 3, "training.batch_size=2 is less than the 3 workers: some have nothing to do."),
        ({"condition_channels": 7}, 2, "training.condition_channels has no effect: training.condition_on names no c"),
        ({"warm_up_steps": 50, "num_steps": 50}, 2, "training.warm_up_steps=50 are all of the run's 50 or more: the "),
        (
            {"early_stop_validations": 4, "validate_every": 10, "num_steps": 50},
            2,
            "training.early_stop_validations=4 has no effect: with training.validate_every=10 the run's 50 steps end b",
        ),
    ],
)
def test_what_never_comes(changes: dict[str, Any], num_workers: int, said: str) -> None:
    (found,) = settings_without_effect(planned(training=TrainingConfig(**changes)), num_workers)
    assert found.startswith(said)


def test_what_comes_in_time_is_not_mentioned() -> None:
    training = TrainingConfig(early_stop_validations=4, validate_every=10, num_steps=51, warm_up_steps=50, batch_size=3)
    assert settings_without_effect(planned(training=training), 3) == []
    training = TrainingConfig(condition_on=("speaker",), condition_channels=7)
    assert settings_without_effect(planned(training=training), 3) == []


def test_parts_that_a_worker_has_nothing_for() -> None:
    plan = planned(execution=ExecutionConfig(num_parts=3))
    said = "execution.num_parts=3 is more than the 2 of a batch that a worker has: it takes 2."
    assert settings_without_effect(replace(plan, training=TrainingConfig(batch_size=4)), 2) == [said]
    assert settings_without_effect(replace(plan, training=TrainingConfig(batch_size=5)), 2) == []


def test_nobody_to_draw_for() -> None:
    said = "telling.sinks names none, so there is nobody to draw items or to make histograms for."
    assert settings_without_effect(planned(telling=TellingConfig(sinks=(), num_items=2)), 2) == [said]
    assert settings_without_effect(planned(telling=TellingConfig(sinks=())), 2) == []
    assert settings_without_effect(planned(telling=TellingConfig(num_items=2)), 2) == []
