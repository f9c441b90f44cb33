"""The benchmark's code runs in Triton's interpreter, and without a device one line says so."""

from dataclasses import replace

import pytest
import torch

from benchmarks import cuda_sampling
from benchmarks.cuda_sampling import line, main
from models.sampling.gpu import WaveformNetwork, waveform_network
from models.wavenet import WaveNet, WaveNetConfig
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)

CPU = ["--device", "cpu", "--tiny", "--only", "arch ii,"]


@needs_triton
def test_every_figure_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_sampling, "CHECKED_TIMESTEPS", 2)
    (figure,) = main(CPU)
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


def test_a_machine_without_a_device_says_so_and_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("no CUDA device is to be seen")
