"""One timestep of a WaveNet for all lanes, by the kernels: levels in, parameters out, everything else in place.

Axes: B lane, R residual, S skip, A head, P parameters, L layers, k taps.

    first_convolution   last levels → stream [B, R]
    gated_layers        stream → skip connections' sum [B, S]; some layers in a launch, or all of them
    relu_product        twice: the head, then the parameters [B, P]

Nothing here depends on the timestep but `position`, which lies on the device. What a ring holds of an earlier item is
never read: taps that look to before the start are masked, so nothing has to be cleared.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from models.conditioning import Condition
from models.sampling.gpu.biases import LaneBiases, last_of_ring
from models.sampling.gpu.graph import captured
from models.sampling.gpu.packing import PackedProduct, PackedWaveNet, Precision, pack, tile
from models.wavenet import WaveNet

LANES_PER_PROGRAM = 32
"""The tile of lanes. 128 programs at 4096 lanes, about as many as an H200 has processors (132)."""

COMPILING: dict[str, Any] = {"num_warps": 8, "num_stages": 1, "enable_fp_fusion": True}
"""How all kernels are compiled.

Compiled for compute capability 9.0 (no device is needed for that), gated layers in bfloat16 so keep everything in
registers, at R64 G128 S256 as at R128 G256 S128; with four warps the second spills. In two stages the second asks for
287 kB of shared memory, where a processor has 232. In float32 both spill, the second so much (38 kB a thread) that it
will be slow.
"""


def load_kernels() -> ModuleType:
    """The kernels, which need triton; imported here, so that everything else does without."""
    from models.sampling.gpu import kernels

    return kernels


class Stepper:
    """Steps from the first timestep on. `levels` [B] int64 is read and `parameters` [B, P] float32 written by `run`."""

    def __init__(
        self,
        model: WaveNet,
        condition: Condition | None,
        num_lanes: int,
        num_timesteps: int,
        precision: Precision = "float32",
        layers_per_launch: int | None = None,
    ) -> None:
        """Weights are packed here once. `layers_per_launch`: all by default; it changes no bit of what comes out."""
        self.kernels, self.config, self.num_lanes = load_kernels(), model.config, num_lanes
        self.packed: PackedWaveNet = pack(model, precision)
        self.biases = LaneBiases(model, condition, num_lanes, num_timesteps)
        self.num_layers = len(model.config.layer_dilations)
        self.layers_per_launch = layers_per_launch or self.num_layers
        self.number = 0
        self.make_buffers(self.packed.stack.taps.device)
        self.call: Callable[[], None] = self.run_and_advance

    def make_buffers(self, device: torch.device) -> None:
        """Everything that the kernels write."""
        config, num_lanes = self.config, self.num_lanes
        reals: dict[str, Any] = {"dtype": torch.float32, "device": device}
        self.position = torch.zeros(1, dtype=torch.int64, device=device)
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

    def capture(self) -> None:
        """Have `step` replay a CUDA graph, where the model is on a CUDA device; back to the first timestep."""
        self.call = captured(self.run_and_advance, self.reset, self.levels.device)
        self.reset()

    def reset(self) -> None:
        """Back to before the first timestep of the same items, on the device; `enter` counts anew from there."""
        self.number = 0
        self.position.zero_()

    def enter(self) -> None:
        """Prepare the next timestep: biases, where they change. `levels` hold those of the one before."""
        self.biases.enter(self.number, last_of_ring(self.history, self.levels, self.number))
        self.number += 1

    @torch.no_grad()
    def step(self, levels: Tensor | None) -> Tensor:
        """Parameters [B, P] of the next levels, given those just drawn [B]; None at the first timestep.

        They stand in a buffer that the next step writes again. ValueError after the last timestep that the condition
        covers.
        """
        if levels is not None:
            self.levels.copy_(levels)
        self.enter()
        self.call()
        return self.parameters

    def run_and_advance(self) -> None:
        """A whole timestep; what a graph captures."""
        self.run()
        self.advance()

    def advance(self) -> None:
        """On to the next position, on the device."""
        self.position.add_(1)

    def run(self) -> None:
        """The kernels of one timestep, in order."""
        self.run_first()
        for first, last in self.launches():
            self.run_layers(first, last)
        self.run_product(self.packed.head, self.skips, self.hidden)
        self.run_product(self.packed.output, self.hidden, self.parameters)

    def launches(self) -> Iterator[tuple[int, int]]:
        """The first layer of each launch, and the one after its last."""
        for first in range(0, self.num_layers, self.layers_per_launch):
            yield first, min(first + self.layers_per_launch, self.num_layers)

    @property
    def num_programs(self) -> int:
        """Tiles of lanes."""
        return -(-self.num_lanes // LANES_PER_PROGRAM)

    def run_first(self) -> None:
        """The first convolution."""
        first, channels = self.packed.first, self.config.residual_channels
        self.kernels.first_convolution[(self.num_programs,)](
            self.levels,
            self.history,
            self.position,
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
        config, stack = self.config, self.packed.stack
        self.kernels.gated_layers[(self.num_programs,)](
            self.stream,
            self.skips,
            self.rings,
            self.position,
            self.plan,
            self.biases.value,
            stack.taps,
            stack.residual,
            stack.skip,
            stack.skip_bias,
            self.num_lanes,
            self.biases.lane_stride,
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
            WIDEN=self.kernels.INTERPRETED,
            **COMPILING,
        )

    def run_product(self, product: PackedProduct, x: Tensor, out: Tensor) -> None:
        """One product of the head."""
        depth, columns = product.weight.shape
        self.kernels.relu_product[(self.num_programs, columns // product.columns)](
            x,
            product.weight,
            product.bias,
            out,
            self.num_lanes,
            x.shape[1],
            out.shape[1],
            depth,
            columns,
            LANES=LANES_PER_PROGRAM,
            DEPTH=product.depth,
            COLUMNS=product.columns,
            WIDEN=self.kernels.INTERPRETED,
            **COMPILING,
        )
