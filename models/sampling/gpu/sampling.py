"""`sample_gpu`: WaveNet drawn by the kernels, a timestep in one CUDA graph: the network, the draw, on to the next one.

Axes: B lane, R row (`guidance.py`), N position.
"""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.sampling.departures import NO_DEPARTURES, Departures
from models.sampling.draws import Drawn, Draws, OnProgress, sampling_mode
from models.sampling.gpu.draws import PlacedDraws
from models.sampling.gpu.graph import captured
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.stepper import Stepper, load_kernels
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

    ValueError for what `sample_cached` refuses, and for what cannot be served: another model than a WaveNet, triton
    not installed, a model that lies on no CUDA device. `on_progress` hears of positions that the device was given; it
    may still be working on them.
    """
    served = checked_model(model)
    with sampling_mode(model):
        draws = Draws(model, shape, keys, departures, lengths, kept)
        condition = None if condition is None else condition.to(draws.keys.device)
        stepper = Stepper(served, draws.rows.condition(condition), draws.num_rows, draws.num_positions, precision)
        lockstep = Lockstep(stepper, draws)
        for position in range(draws.num_positions):
            lockstep.draw(position)
            draws.report(position, on_progress)
    return draws.drawn()


class Lockstep:
    """One position after another: the network and the draw as one graph, what seldom changes before it."""

    def __init__(self, stepper: Stepper, draws: Draws) -> None:
        """Captured here, where there is a CUDA device."""
        self.stepper = stepper
        self.placed = PlacedDraws(draws, stepper.position, stepper.parameters, stepper.levels)
        self.call: Callable[[], None] = captured(self.run, self.reset, stepper.levels.device)

    def run(self) -> None:
        """Everything that happens on the device at a position."""
        self.stepper.run()
        self.placed.draw()
        self.stepper.advance()

    def reset(self) -> None:
        """Back to before the first position."""
        self.stepper.reset()
        self.placed.reset()

    def draw(self, position: int) -> None:
        """The levels at the next position."""
        self.stepper.enter()
        self.placed.enter(position)
        self.call()


def checked_model(model: Autoregressive) -> WaveNet:
    """The model, if it can be served here; ValueError says what stands in the way and what to use instead."""
    otherwise = "draw with sample_cached instead, which needs neither"
    if not isinstance(model, WaveNet):
        raise ValueError(f"the GPU kernels draw from a WaveNet, got {type(model).__name__}: {otherwise}")
    if importlib.util.find_spec("triton") is None:
        raise ValueError(f"the GPU kernels need triton, which is not installed: pip install triton, or {otherwise}")
    device = next(model.parameters()).device
    if device.type != "cuda" and not load_kernels().INTERPRETED:
        raise ValueError(f"the GPU kernels need a model on a CUDA device, got one on {device}: {otherwise}")
    return model


def is_available() -> bool:
    """Whether a model on a CUDA device can be drawn from by the kernels: triton is installed, a device is there."""
    return importlib.util.find_spec("triton") is not None and torch.cuda.is_available()
