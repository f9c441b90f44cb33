"""One timestep of a WaveNet for all lanes, by the kernels: levels in, parameters out, everything else in place.

Axes: B lane, R residual, S skip, A head, P parameters, L layers, k taps.

    first_convolution   last levels → stream [B, R]
    gated_layers        stream → skip connections' sum [B, S]; some layers in a launch, or all of them
    relu_product        twice: the head, then the parameters [B, P]

Nothing here depends on the timestep but `position`, which lies on the device. What a ring holds of an earlier item is
never read: taps that look to before the start are masked, so nothing has to be cleared.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from models.conditioning import Condition
from models.sampling.gpu.biases import Biases, LaneBiases, last_of_ring
from models.sampling.gpu.graph import Capture
from models.sampling.gpu.launching import COMPILING, LANES_PER_PROGRAM, load_kernels, num_tiles, relu_product
from models.sampling.gpu.packing import PackedWaveNet, Precision, pack, tile
from models.wavenet import WaveNet


class WaveformNetwork:
    """A `steps.Network`: levels [B] in, parameters [B, P] out."""

    num_turns = 1

    def __init__(
        self,
        model: WaveNet,
        biases: Biases,
        num_lanes: int,
        precision: Precision = "float32",
        layers_per_launch: int | None = None,
    ) -> None:
        """Weights are packed here once. `layers_per_launch`: all by default; it changes no bit of what comes out."""
        self.config, self.num_lanes = model.config, num_lanes
        self.packed: PackedWaveNet = pack(model, precision)
        self.biases = biases
        self.num_layers = len(model.config.layer_dilations)
        self.layers_per_launch = layers_per_launch or self.num_layers
        self.number = 0
        self.make_buffers(self.packed.stack.taps.device)

    def make_buffers(self, device: torch.device) -> None:
        """Everything that the kernels write."""
        config, num_lanes = self.config, self.num_lanes
        reals: dict[str, Any] = {"dtype": torch.float32, "device": device}
        self.position = torch.zeros(1, dtype=torch.int64, device=device)
        self.starts = torch.zeros(num_lanes, dtype=torch.int64, device=device)
        self.levels = torch.zeros(num_lanes, dtype=torch.int64, device=device)
        num_remembered = max(config.input_kernel_size, *(context.pool for context in config.contexts), 1)
        self.history = torch.zeros(num_remembered, num_lanes, dtype=torch.int64, device=device)
        self.stream = torch.zeros(num_lanes, config.residual_channels, **reals)
        self.skips = torch.zeros(num_lanes, config.skip_channels, **reals)
        self.hidden = torch.zeros(num_lanes, config.head_channels, **reals)
        self.parameters = torch.zeros(num_lanes, config.distribution.num_parameters, **reals)
        slots = [(config.kernel_size - 1) * dilation + 1 for dilation in config.layer_dilations]
        starts = [sum(slots[:layer]) for layer in range(len(slots))]
        plan = zip(starts, config.layer_dilations, strict=True)
        self.plan = torch.tensor(list(plan), dtype=torch.int64, device=device)
        self.rings = torch.empty(
            sum(slots), num_lanes, config.residual_channels, dtype=self.packed.dtype, device=device
        )

    def capture(self, capture: Capture, reset: Callable[[], None]) -> None:
        """Nothing is launched between two timesteps but what torch adds to the biases."""

    def reset(self) -> None:
        """Back to before the first timestep of the same items, on the device; `enter` counts anew from there."""
        self.number = 0
        self.position.zero_()

    def enter(self) -> int:
        """Prepare the next timestep: biases, where they change. `levels` hold those of the one before."""
        self.biases.enter(self.number, last_of_ring(self.history, self.levels, self.number))
        self.number += 1
        return 0

    def run(self, turn: int = 0) -> None:
        """The kernels of one timestep, in order; it has one turn."""
        self.run_first()
        for first, last in self.launches():
            self.run_layers(first, last)
        relu_product(self.packed.head, self.skips, self.hidden)
        relu_product(self.packed.output, self.hidden, self.parameters)

    def launches(self) -> Iterator[tuple[int, int]]:
        """The first layer of each launch, and the one after its last."""
        for first in range(0, self.num_layers, self.layers_per_launch):
            yield first, min(first + self.layers_per_launch, self.num_layers)

    @property
    def num_programs(self) -> int:
        """Tiles of lanes."""
        return num_tiles(self.num_lanes)

    def run_first(self) -> None:
        """The first convolution."""
        first, channels = self.packed.first, self.config.residual_channels
        load_kernels().first_convolution[(self.num_programs,)](
            self.levels,
            self.history,
            self.position,
            self.starts,
            first.values,
            first.weights,
            first.bias,
            self.stream,
            self.num_lanes,
            len(self.history),
            channels,
            NUM_TAPS=self.config.input_kernel_size,
            IS_SCALAR=first.is_scalar,
            LANES=LANES_PER_PROGRAM,
            W_R=tile(channels),
            **COMPILING,
        )

    def run_layers(self, first: int, last: int) -> None:
        """Gated layers from `first` to before `last`."""
        config, stack, kernels = self.config, self.packed.stack, load_kernels()
        kernels.gated_layers[(self.num_programs,)](
            self.stream,
            self.skips,
            self.rings,
            self.position,
            self.starts,
            self.plan,
            self.biases.value,
            stack.taps,
            stack.residual,
            stack.skip,
            stack.skip_bias,
            self.num_lanes,
            0 if len(self.biases.value) == 1 else self.biases.value.shape[1],
            first,
            last,
            config.residual_channels,
            config.gate_channels // 2,
            config.skip_channels,
            NUM_TAPS=config.kernel_size,
            IS_START=first == 0,
            LANES=LANES_PER_PROGRAM,
            W_R=stack.taps.shape[-2],
            W_H=stack.taps.shape[-1],
            W_S=stack.skip.shape[-1],
            WIDEN=kernels.INTERPRETED,
            **COMPILING,
        )


def waveform_network(
    model: WaveNet,
    condition: Condition | None,
    num_lanes: int,
    num_timesteps: int,
    precision: Precision = "float32",
    layers_per_launch: int | None = None,
) -> WaveformNetwork:
    """A network whose lanes all begin together. ValueError for a condition that does not fit."""
    biases = LaneBiases(model, condition, num_lanes, num_timesteps)
    return WaveformNetwork(model, biases, num_lanes, precision, layers_per_launch)
