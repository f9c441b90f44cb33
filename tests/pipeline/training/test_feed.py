"""What a feed makes of stored rows: F0 is read on the grid of the dataset that it is stored in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.batches import Cut
from pipeline.conditions import Conditioning
from pipeline.shards.schema import AudioFeatures
from pipeline.training.feed import Feed
from pipeline.training.index import Slot
from tests.pipeline.training.datasets import AUDIO, audio_rows, write_dataset

PITCHED = Conditioning({}, ("a", "b"), 20, f0=True)


def features(folder: Path, period_s: float) -> torch.Tensor:
    """Of the second window of two items whose ln F0 rises by 1 each 10 ms, stored once each `period_s`."""
    rows = audio_rows(2)
    for row in rows:
        num_values = int(row["num_timesteps"] / AUDIO.sample_rate_hz / period_s) + 1
        row |= {"log_f0": (4 + 100 * period_s * np.arange(num_values)).tolist(), "voiced": [True] * num_values}
    conventions = replace(AUDIO, features=AudioFeatures(f0="dio", frame_period_s=period_s))
    batch = Feed(write_dataset(folder, rows, conventions, 5), PITCHED, Cut(40, 15), 1).batch(
        [Slot(0, 0, 1, 40), Slot(0, 1, 1, 40)]
    )
    assert batch.condition is not None
    assert batch.condition.features is not None
    return batch.condition.features


@pytest.mark.parametrize("period_s", [0.001, 0.0025, 0.00275])
def test_features_do_not_depend_on_how_far_apart_f0_is_stored(tmp_path: Path, period_s: float) -> None:
    found = features(tmp_path / "data", period_s)
    centres_s = (torch.arange(1, 4) + 0.5) * PITCHED.hop / AUDIO.sample_rate_hz  # 40 - 15 lies in frame 1
    expected = (4 + 100 * centres_s - 5) / 0.5
    torch.testing.assert_close(found[:, :, 2], expected.expand(2, 3), rtol=0, atol=1e-5)
