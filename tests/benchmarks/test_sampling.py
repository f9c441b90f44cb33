"""Cached and naive sampling draw the same before they are compared, and naive is given the lanes that suit it."""

from typing import Any

import pytest
import torch

from benchmarks import sampling
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.sampling import sample_cached
from models.wavenet import WaveNetConfig

WAVENET = WaveNetConfig(16, 8, 8, 8, 8, dilations=(1, 2), num_stacks=1)
PIXELCNN = GatedPixelCNNConfig(4, 1, 8, 2, 8)


def test_naive_runs_at_several_numbers_of_lanes() -> None:
    for case in (
        sampling.wavenet_case("tiny", WAVENET, 8),
        sampling.pixelcnn_case("tiny", PIXELCNN, (1, 8, 5), 8),
    ):
        peers = [one for one in case.contestants if one.role == "peer"]
        assert [one.amount for one in peers] == list(sampling.NAIVE_LANES)
        for one in peers:
            parameters: Any = one.call()
            assert len(parameters) == one.amount


def test_levels_that_differ_stop_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    cached = sample_cached

    def one_level_off(*given: Any) -> Any:
        drawn = cached(*given)
        drawn.levels.view(-1)[-1] = (drawn.levels.view(-1)[-1] + 1) % 4
        return drawn

    monkeypatch.setattr(sampling, "sample_cached", one_level_off)
    with pytest.raises(AssertionError, match="WaveNet: 1 of 24 cached levels are not the naive ones"):
        sampling.wavenet_case("tiny", WAVENET, 8)
    with pytest.raises(AssertionError, match="GatedPixelCNN: 1 of 12"):
        sampling.pixelcnn_case("tiny", PIXELCNN, (1, 8, 5), 8)
    assert torch.is_grad_enabled()
