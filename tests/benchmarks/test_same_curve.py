"""Curves are of the same batches, and told apart where they differ most."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality import same_curve, same_waveform_curve
from benchmarks.quality.curves import curve, table, tell, told_apart
from benchmarks.quality.same_curve import pictures
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.wavenet import WaveNetConfig
from pipeline.batches import Cut
from pipeline.conditions import Conditioning
from pipeline.training.feed import Feed
from pipeline.training.index import read_contents
from tests.pipeline.training.datasets import AUDIO, audio_dataset

SMALL = GatedPixelCNNConfig(hidden=3, num_layers=2, head_channels=256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_both_formulations_have_one_curve(folder: Path) -> None:
    subject = replace(same_curve.SUBJECT, config=SMALL)
    batches = pictures(folder, 3).split(1)
    plain, ours = (curve(subject, kind, "float64", batches) for kind in (subject.plain, subject.ours))
    assert len(set(plain)) == 3
    assert ours == pytest.approx(plain, rel=0, abs=1e-10)
    with pytest.raises(SystemExit, match="expected 4 PNG files or more, found 3"):
        pictures(folder, 4)


def test_both_formulations_have_one_curve_on_waveforms(tmp_path: Path) -> None:
    config = WaveNetConfig(AUDIO.num_levels, residual_channels=4, gate_channels=8, dilations=(1, 2), num_stacks=1)
    subject = replace(same_waveform_curve.SUBJECT, config=config)
    dataset = audio_dataset(tmp_path / "audio", num_items=4)
    slots = list(read_contents(dataset, ("train",), 50).splits["train"].row_slots(0, 0))
    batch = Feed(dataset, Conditioning(), Cut(50, config.receptive_field), 1).batch(slots)
    plain, ours = (curve(subject, kind, "float64", [batch] * 3) for kind in (subject.plain, subject.ours))
    assert len(set(plain)) == 3
    assert ours == pytest.approx(plain, rel=0, abs=1e-10)


def test_the_command_tells_curves_of_both_and_how_far_apart_they_come(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = replace(
        same_curve.SUBJECT, config=SMALL, batches=lambda folder, number: pictures(folder, number).split(1)
    )
    monkeypatch.setattr(sys, "argv", ["same_curve", "--data", str(folder), "--steps", "2"])
    tell("same_curve", subject)
    heading, first, *apart = capsys.readouterr().out.splitlines()
    assert heading.count("plain") == heading.count("ours") == 3
    assert first.split()[0] == "0"
    assert [line.split(":")[0] for line in apart] == [
        "plain float64 and ours float64",
        "plain float32 and ours float32",
        "plain bf16 and ours bf16",
        "plain float64 and plain bf16",
        "plain float64 and ours bf16",
    ]


def test_curves_are_told_apart_by_their_largest_difference() -> None:
    curves = {"a": [1.0] * 20, "b": [1.0] * 5 + [1.25] + [1.0] * 9 + [0.5] + [1.0] * 4}
    assert told_apart(curves, "a", "b") == "a and b: 2.5e-01 bits in ten steps, 5.0e-01 in all"
    assert table(curves).splitlines()[1:] == [
        "     0        1.000000        1.000000",
        "    10        1.000000        1.000000",
    ]
