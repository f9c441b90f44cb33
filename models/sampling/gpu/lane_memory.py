"""What a lane takes on a GPU: counted on two small batches, before any batch is made and without a kernel run."""

import math

import torch

from models.autoregressive import Autoregressive
from models.sampling.draws import PROGRESS_EVERY, sampling_mode
from models.sampling.gpu.lane_biases import MovingBiases
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.sampling import network_of
from models.sampling.gpu.steps import Network
from models.sampling.gpu.waveforms import WaveformNetwork
from models.sampling.memory import held_bytes, zeros
from models.wavenet import WaveNet

BYTES_PER_LEVEL = 8 + 8 + 1
"""Of an item in its lane: the level; what is given for it, and whether it is."""

NUMBERS_AT_ONCE = 16
"""Of 8 bytes, for each of the uniforms that are made at once, and for each parameter of a draw: torch's steps between
them. An upper bound."""

FEW_LANES = 8, 16


def gpu_lane_bytes(model: Autoregressive, shape: tuple[int, ...], precision: Precision = "float32") -> int:
    """Bytes that a lane takes which draws an item of `shape`; weights are shared by all lanes and not counted.

    A long waveform is counted on a short one: what grows with its length is its levels and its frames.
    """
    config, num_uniforms = model.condition_config, model.distribution.num_uniforms
    with sampling_mode(model):
        few, more = (held_bytes(small_network(model, shape, lanes, precision), set()) for lanes in FEW_LANES)
    of_lane = (more - few) // (FEW_LANES[1] - FEW_LANES[0])
    frames = shape[0] // config.hop if config.has_local else 0
    of_draw = (PROGRESS_EVERY * num_uniforms + model.distribution.num_parameters) * NUMBERS_AT_ONCE * 8
    return of_lane + math.prod(shape) * BYTES_PER_LEVEL + frames * config.channels * 4 + of_draw


def small_network(model: Autoregressive, shape: tuple[int, ...], num_lanes: int, precision: Precision) -> Network:
    """The network that would draw, of few lanes and, where items are waveforms, of a short one."""
    if isinstance(model, WaveNet) and not model.config.contexts:
        return WaveformNetwork(model, MovingBiases(model, num_lanes, 1), num_lanes, precision)
    short = (model.condition_config.hop,) if len(shape) == 1 else shape
    device = next(model.parameters()).device
    condition = zeros(model.condition_config, num_lanes, short).to(device)
    return network_of(model, condition, num_lanes, short, precision)


def gpu_bytes_that_can_be_had(device: torch.device | None = None) -> int:
    """Of a device's memory what is free, with all that this process holds of it already."""
    return int(torch.cuda.mem_get_info(device)[0]) + int(torch.cuda.memory_reserved(device))
