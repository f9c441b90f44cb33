"""Curves are of the same batches, and told apart where they differ most."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.plain_pictures import PlainGatedPixelCNN
from benchmarks.quality import same_curve
from benchmarks.quality.same_curve import curve, pictures, table, told_apart
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig


def test_both_formulations_have_one_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_curve, "CONFIG", GatedPixelCNNConfig(hidden=3, num_layers=2, head_channels=256))
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / f"{number}.png")
    batches = pictures(tmp_path, 3).split(1)
    plain, ours = (curve(kind, "float64", batches) for kind in (PlainGatedPixelCNN, GatedPixelCNN))
    assert len(set(plain)) == 3
    assert ours == pytest.approx(plain, rel=0, abs=1e-10)
    with pytest.raises(SystemExit, match="expected 4 PNG files or more, found 3"):
        pictures(tmp_path, 4)


def test_curves_are_told_apart_by_their_largest_difference() -> None:
    curves = {"a": [1.0] * 20, "b": [1.0] * 5 + [1.25] + [1.0] * 9 + [0.5] + [1.0] * 4}
    assert told_apart(curves, "a", "b") == "a and b: 2.5e-01 bits in ten steps, 5.0e-01 in all"
    assert table(curves).splitlines()[1:] == [
        "     0        1.000000        1.000000",
        "    10        1.000000        1.000000",
    ]
