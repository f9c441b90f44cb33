"""All paths draw the same before they are compared, and each contestant does the work that it is credited with."""

from typing import Any

import pytest
import torch

from benchmarks import sampling
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.native import best
from models.sampling import DrawnItem, sample_cached
from models.wavenet import WaveNetConfig

pytestmark = pytest.mark.skipif(best() is None, reason="built without a compiler")

WAVENET = WaveNetConfig(16, 8, 8, 8, 8, dilations=(1, 2), num_stacks=1)
PIXELCNN = GatedPixelCNNConfig(4, 1, 8, 2, 8)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "TIMESTEPS_A_ROUND", 64)
    monkeypatch.setattr(sampling, "LEAST_TIMESTEPS", 8)
    monkeypatch.setattr(sampling, "LANES", (8,))
    monkeypatch.setattr(sampling, "PICTURE_LANES", 2)


def levels_of(outcome: Any) -> int:
    """How many levels were drawn."""
    if isinstance(outcome, list):
        return sum(item.levels.numel() for item in outcome if isinstance(item, DrawnItem))
    return int(outcome.levels.numel())


def test_each_does_what_it_is_credited_with() -> None:
    cases = [*sampling.wavenet_cases("tiny", WAVENET), *sampling.picture_cases("tiny", PIXELCNN, (1, 8, 5))]
    assert {case.name.split(", ")[-1] for case in cases} <= {"float32", "bfloat16"}
    for case in cases:
        assert [one.role for one in case.contestants].count("ours") == 1
        for one in case.contestants:
            if one.name.startswith(("kernel", "torch")):
                assert levels_of(one.call()) == one.amount
            elif one.name.startswith("naive"):
                parameters: Any = one.call()
                assert len(parameters) == one.amount


def test_the_ceiling_counts_what_it_multiplies() -> None:
    assert sampling.peak(2000, "float32") == 2 * sampling.peak(1000, "float32") > 0


def test_conditions_are_drawn_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "TIMESTEPS_A_ROUND", 16 * 100)
    with_condition, without = sampling.conditioned_case().contestants
    assert with_condition.amount == without.amount == 16 * 80


def test_levels_that_differ_stop_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    cached = sample_cached

    def one_level_off(*given: Any) -> Any:
        drawn = cached(*given)
        drawn.levels.view(-1)[-1] = (drawn.levels.view(-1)[-1] + 1) % 4
        return drawn

    monkeypatch.setattr(sampling, "sample_cached", one_level_off)
    with pytest.raises(AssertionError, match="WaveNet: 1 of 24 cached levels are not the naive ones"):
        next(sampling.wavenet_cases("tiny", WAVENET))
    with pytest.raises(AssertionError, match="GatedPixelCNN: 1 of 12"):
        next(sampling.picture_cases("tiny", PIXELCNN, (1, 8, 5)))
    assert torch.is_grad_enabled()
