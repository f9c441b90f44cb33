"""Lanes in lockstep by the kernels, a position in one CUDA graph: the network, the draw, on to the next one.

Axes: B lane, R row (`guidance.py`), N position.
"""

import importlib.util
from functools import partial
from typing import Any

import torch

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.gated_pixelcnn import GatedPixelCNN
from models.pixelcnn import PixelCNN
from models.sampling.draws import PROGRESS_EVERY, Draws
from models.sampling.gpu.draws import PlacedDraws
from models.sampling.gpu.launching import load_kernels
from models.sampling.gpu.memory import blocks_of, sizes_of, write
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.pictures import PictureNetwork
from models.sampling.gpu.steps import Network, Steps
from models.sampling.gpu.waveforms import waveform_network
from models.sampling.state import State
from models.wavenet import WaveNet


class Kernels:
    """Begins items by the kernels (`sample_cached`, `LockstepLanes`); the last pictures' graphs serve the next ones.

    Products are in `precision`, parameters in float32 whatever the model's weights are.
    """

    def __init__(self, model: Autoregressive, precision: Precision = "float32") -> None:
        """The model's weights must not change. ValueError for a model that cannot be served (`why_not_on_gpu`)."""
        if reason := why_not_on_gpu(model):
            raise ValueError(f"{reason}: draw by torch instead")
        self.model, self.precision = model, precision
        self.key: Any = None
        self.pictures: KernelSampling | None = None

    def begin(self, draws: Draws, condition: Condition | None) -> "KernelSampling":
        """Some items; those before must have ended. Within `sampling_mode`. ValueError for what does not fit."""
        condition = draws.rows.condition(None if condition is None else condition.to(draws.keys.device))
        network = partial(network_of, self.model, condition, draws.num_rows, draws.shape, self.precision)
        if isinstance(self.model, WaveNet):
            return KernelSampling(draws, network())
        key = draws.shape, draws.kept is None, draws.chooser.any_weighed, sizes_of(blocks_of(self.model, draws))
        if self.pictures is not None and self.key == key:
            self.pictures.begin_again(draws, condition)
            return self.pictures
        self.key, self.pictures = key, KernelSampling(draws, network())
        return self.pictures


def network_of(
    model: Autoregressive, condition: Condition | None, num_rows: int, shape: tuple[int, ...], precision: Precision
) -> Network:
    """The model's kernels, for so many items of one shape; `why_not_on_gpu` has nothing against the model."""
    if isinstance(model, WaveNet):
        return waveform_network(model, condition, num_rows, shape[0], precision)
    assert isinstance(model, GatedPixelCNN | PixelCNN)
    return PictureNetwork(model, condition, num_rows, shape, precision)


class KernelSampling:
    """A `cached.Sampling`. Captured as it is made, where there is a CUDA device."""

    def __init__(self, draws: Draws, network: Network) -> None:
        self.draws, self.network, self.position = draws, network, 0
        self.placed = PlacedDraws(draws, network)
        self.steps = Steps(network, self.placed.draw)
        self.steps.capture()
        self.placed.reset()

    def begin_again(self, draws: Draws, condition: Condition | None) -> None:
        """Other pictures, in the memory of these."""
        assert isinstance(self.network, PictureNetwork)
        self.network.begin(condition)
        write(blocks_of(self.draws.model, self.draws), blocks_of(draws.model, draws))
        self.network.reset()
        self.position = 0

    def draw(self) -> None:
        """The levels at the next position."""
        self.placed.enter(self.position)
        self.steps.next()
        self.position += 1

    def advance(self) -> bool:
        """Hand some positions to the device, which may still be working on them; false where none is left."""
        num_left = min(PROGRESS_EVERY, self.draws.num_positions - self.position)
        for _ in range(num_left):
            self.draw()
        return num_left > 0

    def state(self) -> State:
        """Nothing: rings are large and items take seconds, so they are begun anew."""
        return State()

    def restore(self, state: State) -> None:
        """Nothing."""


def why_not_on_gpu(model: Autoregressive, precision: Precision = "float32") -> str:
    """Why a model cannot be drawn from by the kernels of a GPU; empty where it can."""
    if not isinstance(model, WaveNet | GatedPixelCNN | PixelCNN):
        return f"there is no kernel of a GPU for {type(model).__name__}"
    if importlib.util.find_spec("triton") is None:
        return "the kernels of a GPU need triton, which is not installed (pip install triton)"
    device = next(model.parameters()).device
    if device.type == "cuda":
        return why_not_on(device, precision)
    return (
        "" if load_kernels().INTERPRETED else f"the kernels of a GPU need a CUDA device, and the model is on {device}"
    )


LEAST_CAPABILITY = 8, 0
"""Of a device whose tensor cores multiply bfloat16."""


def why_not_on(device: torch.device, precision: Precision) -> str:
    """Why a CUDA device does not run the kernels; empty where it does."""
    capability = torch.cuda.get_device_capability(device)
    if precision == "bfloat16" and capability < LEAST_CAPABILITY:
        return f"products of bfloat16 need compute capability {LEAST_CAPABILITY}, and this device has {capability}"
    return ""
