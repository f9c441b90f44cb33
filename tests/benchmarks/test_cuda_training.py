"""Every network takes steps in bfloat16, compiled layers give what they gave, and without a device one line says so."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import cuda_training
from benchmarks.cuda_training import RECIPES, SHAPE, TINY_SHAPE, Run, fitted, line, made_pictures, main, parsed, summary
from models.layers.masked_conv import MaskedConv2d
from models.pixelcnn import PixelCNN

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_learns_in_bfloat16(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_training, "matrix_product_flops", lambda device: 1e7)
    monkeypatch.setattr(cuda_training, "made_pictures", lambda number, shape: made_pictures(10, (3, 4, 4)))
    arguments = ["--device", "cpu", "--tiny", "--eager", "--seconds", "0.02", "--points", "2", "--only", name]
    (figure,) = main(arguments)
    assert [point["num_pictures"] for point in figure.curve][-1] >= 2 * 4
    assert all(4 < point["held_out_bits_per_dim"] < 12 for point in figure.curve)
    assert figure.share_of_matrix_product == pytest.approx(figure.images_per_s * figure.flops_per_image / 1e7, rel=0.03)
    assert name in summary(figure)


def test_what_is_counted_is_forward_and_backward() -> None:
    recipe = fitted(RECIPES["pixelcnn-paper"], parsed(["--tiny"]))
    run = Run(recipe, made_pictures(10, TINY_SHAPE), CPU, compiled=False)
    assert isinstance(run.model, PixelCNN)
    weights = sum(int(conv.mask.sum()) for conv in run.model.modules() if isinstance(conv, MaskedConv2d))
    # Two operations a multiplication, once forward and twice backward, at each of 8 × 8 pixels.
    assert run.flops_per_picture == 2 * 3 * weights * 64


def test_layers_are_compiled_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    recipe = fitted(RECIPES["pixelcnn-paper"], parsed(["--tiny"]))
    Run(recipe, made_pictures(10, TINY_SHAPE), CPU, compiled=True)
    assert compiled == ["ResidualBlock"] * 2 + ["MaskedConv2d"] * 3


def test_a_machine_without_a_device_says_so_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "no CUDA device is to be seen; --device cpu --tiny shows that the code runs"
    ]


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 32, 32, 3), np.uint8))
    with pytest.raises(SystemExit, match=r"expected uint8 \[N, 3, 32, 32\], got uint8 \(5, 32, 32, 3\)"):
        cuda_training.read_pictures(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros((5, *SHAPE), np.uint8))
    assert cuda_training.read_pictures(tmp_path / "b.npy").shape == (5, *SHAPE)
    assert "bits/dim in training" in line(cuda_training.Point(1.0, 10, 3.0, 3.1))
