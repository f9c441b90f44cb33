"""The benchmark's code runs in Triton's interpreter, and without a device one line says so."""

from dataclasses import replace

import pytest
import torch

from benchmarks import cuda_pictures, cuda_sampling
from benchmarks.cuda_pictures import PictureFigure, bound_s, check_agreement, networks, picture_line
from benchmarks.cuda_sampling import Figure, line, main
from models.sampling.gpu import PictureNetwork, WaveformNetwork, waveform_network
from models.wavenet import WaveNet, WaveNetConfig
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)

CPU = ["--device", "cpu", "--tiny", "--only", "arch ii,"]


@needs_triton
def test_every_figure_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_sampling, "CHECKED_TIMESTEPS", 2)
    (figure,) = main(CPU)
    assert isinstance(figure, Figure)
    assert (figure.num_lanes, figure.layers_per_launch, figure.share_of_bound) == (2, 2, "not known")
    assert min(figure.timesteps_per_s, figure.network_timesteps_per_s, figure.cached_timesteps_per_s) > 0
    assert "bound not known" in line(figure)
    assert "12.5 % of the bound" in line(replace(figure, share_of_bound=0.125))


@needs_triton
def test_the_bound_is_that_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_sampling, "device_name", lambda device: "NVIDIA H200")
    monkeypatch.setattr(cuda_sampling, "node_seconds", lambda device: 2e-6)
    config = WaveNetConfig(dilations=(1, 2), num_stacks=1)
    network = waveform_network(WaveNet(config), None, 16, 4, "bfloat16", layers_per_launch=1)
    terms = cuda_sampling.bounds(config, network, torch.device("cpu"))
    # Two layers: two taps of 64 × 128, one residual connection and two skip connections; then the head.
    products = 2 * 2 * 64 * 128 + 64 * 64 + 2 * 64 * 256 + 2 * 256 * 256
    assert terms["arithmetic"] == pytest.approx(2 * 16 * products / 989e12)
    assert terms["rings"] == pytest.approx(16 * 2 * 2 * 64 * 2 / 4.8e12)  # lanes, layers, read and write, R, bytes
    assert terms["kernels"] == pytest.approx(6 * 2e-6)


@needs_triton
def test_kernels_that_are_wrong_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_sampling, "CHECKED_TIMESTEPS", 1)
    monkeypatch.setattr(WaveformNetwork, "run_first", lambda self: self.stream.fill_(1.0))
    with pytest.raises(SystemExit, match="from those of the forward pass"):
        main(CPU)


@needs_triton
def test_pictures_are_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_pictures, "CHECKED_ROWS", 1)
    monkeypatch.setattr(cuda_pictures, "CHECKED_LANES", 2)
    monkeypatch.setattr(cuda_pictures, "TINY_SHAPE", (3, 1, 1))
    (figure,) = main(["--device", "cpu", "--tiny", "--only", "pictures gated"])
    assert isinstance(figure, PictureFigure)
    assert min(float(figure.pictures_per_s), float(figure.graphs_pictures_per_s), figure.cached_pictures_per_s) > 0
    assert "bound not known" in picture_line(figure)
    told = picture_line(replace(figure, share_of_bound=0.125, graphs_pictures_per_s="it cannot be captured"))
    assert "12.5 % of the bound; by graphs it cannot be captured" in told


def test_the_bound_of_pictures_is_that_of_the_formula() -> None:
    model = networks(tiny=True)["pictures gated_pixelcnn"]
    of_products = bound_s(model, (3, 2, 2), 1000, 0.0, "NVIDIA H200")
    assert of_products == pytest.approx(model.flops_per_draw((3, 2, 2)) * 1000 / 989e12)
    # The last levels, the features, two products of the head, the position; a row's five in six positions.
    assert bound_s(model, (3, 2, 2), 1, 1.0, "NVIDIA H200") == pytest.approx(5 + 5 / 6)
    assert bound_s(model, (3, 2, 2), 1, 1.0, "cpu") == 0


@needs_triton
def test_pictures_kernels_that_are_wrong_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_pictures, "CHECKED_ROWS", 1)
    monkeypatch.setattr(PictureNetwork, "run", lambda self, turn: self.parameters.fill_(1.0))
    with pytest.raises(SystemExit, match="from those of the forward pass"):
        check_agreement(networks(tiny=True)["pictures pixelcnn"], (3, 1, 2))  # type: ignore[arg-type]


def test_a_machine_without_a_device_says_so_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("no CUDA device is to be seen")
