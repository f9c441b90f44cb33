"""`sample_gpu`: drawn by the kernels, a position in one CUDA graph: the network, the draw, on to the next one.

Axes: B lane, R row (`guidance.py`), N position.
"""

import importlib.util

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.gated_pixelcnn import GatedPixelCNN
from models.pixelcnn import PixelCNN
from models.sampling.departures import NO_DEPARTURES, Departures
from models.sampling.draws import Drawn, Draws, OnProgress, sampling_mode
from models.sampling.gpu.draws import PlacedDraws
from models.sampling.gpu.launching import load_kernels
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.pictures import PictureNetwork
from models.sampling.gpu.steps import Network, Steps
from models.sampling.gpu.waveforms import WaveformNetwork
from models.sampling.kept import Kept
from models.wavenet import WaveNet


def sample_gpu(  # noqa: PLR0913 (as of `sample_cached`)
    model: Autoregressive,
    shape: tuple[int, ...],
    condition: Condition | None,
    keys: Tensor,
    departures: Departures = NO_DEPARTURES,
    lengths: Tensor | None = None,
    kept: Kept | None = None,
    on_progress: OnProgress | None = None,
    *,
    precision: Precision = "float32",
) -> Drawn:
    """As `sample_cached`; products in `precision`, parameters in float32 whatever the model's weights are.

    ValueError for what `sample_cached` refuses, and for what cannot be served (`why_not_on_gpu`). `on_progress` hears
    of positions that the device was given; it may still be working on them.
    """
    if reason := why_not_on_gpu(model):
        raise ValueError(f"{reason}: draw with sample_cached instead, which needs no kernel")
    with sampling_mode(model):
        draws = Draws(model, shape, keys, departures, lengths, kept)
        condition = None if condition is None else condition.to(draws.keys.device)
        network = network_of(model, draws.rows.condition(condition), draws.num_rows, shape, precision)
        lockstep = Lockstep(network, draws)
        for position in range(draws.num_positions):
            lockstep.draw(position)
            draws.report(position, on_progress)
    return draws.drawn()


def network_of(
    model: Autoregressive, condition: Condition | None, num_rows: int, shape: tuple[int, ...], precision: Precision
) -> Network:
    """The model's kernels, for so many rows of items of one shape; `why_not_on_gpu` has nothing against it."""
    if isinstance(model, WaveNet):
        return WaveformNetwork(model, condition, num_rows, shape[0], precision)
    assert isinstance(model, GatedPixelCNN | PixelCNN)
    return PictureNetwork(model, condition, num_rows, shape, precision)


class Lockstep:
    """One position after another: the network and the draw as one graph."""

    def __init__(self, network: Network, draws: Draws) -> None:
        """Captured here, where there is a CUDA device."""
        self.placed = PlacedDraws(draws, network.position, network.parameters, network.levels)
        self.steps = Steps(network, self.placed.draw)
        self.steps.capture()
        self.placed.reset()

    def draw(self, position: int) -> None:
        """The levels at the next position."""
        self.placed.enter(position)
        self.steps.next()


def why_not_on_gpu(model: Autoregressive) -> str:
    """Why a model cannot be drawn from by the kernels; empty where it can."""
    if not isinstance(model, WaveNet | GatedPixelCNN | PixelCNN):
        return f"there is no kernel of a GPU for {type(model).__name__}"
    if importlib.util.find_spec("triton") is None:
        return "the kernels of a GPU need triton, which is not installed (pip install triton)"
    device = next(model.parameters()).device
    if device.type != "cuda" and not load_kernels().INTERPRETED:
        return f"the kernels of a GPU need a model on a CUDA device, and this one is on {device}"
    return ""


def is_available() -> bool:
    """Whether a model on a CUDA device can be drawn from by the kernels: triton is installed, a device is there."""
    return importlib.util.find_spec("triton") is not None and torch.cuda.is_available()
