"""WaveNet for the kernels: its weights packed, the memory of B lanes, and a call for a span of timesteps.

Axes: B lane, N timestep of a span, R residual, G gate, L layers, K levels, P parameters, D embedding.
"""

from ctypes import byref
from dataclasses import dataclass

import torch
from torch import Tensor

from models.native.library import Library
from models.native.packing import padded
from models.native.stack import NativeStack
from models.native.structs import (
    DistributionStruct,
    PackedProduct,
    SpanStruct,
    WaveNetStruct,
    address,
)
from models.wavenet import LevelConvolution, ScalarConvolution, WaveNet

NOTHING = -1
"""In place of a level: none before the first timestep; none that is given."""

FAR_BELOW = -1e30
"""The logits that only fill up a vector: finite, since a parameter that is not finite is told of."""


@dataclass(frozen=True)
class Span:
    """What was drawn in a span: levels [N, B] int32, nll_nats [N, B] float64, parameters [N, B, P] where asked for."""

    levels: Tensor
    nll_nats: Tensor
    parameters: Tensor | None


class NativeWaveNet:
    """The network over B lanes that begin and end by themselves.

    Where lanes are conditioned, `stack.biases` are the caller's to write: the convolutions' own and what is added.
    """

    def __init__(self, model: WaveNet, num_lanes: int, library: Library, dtype: torch.dtype) -> None:
        config, mixture = model.config, model.config.output == "logistic_mixture"
        self.library, self.dtype, self.num_lanes = library, dtype, num_lanes
        self.stack = NativeStack(
            model.stack, num_lanes, library, dtype, local_weights(model), is_conditioned=is_conditioned(model)
        )
        self.num_parameters = model.distribution.num_parameters
        self.skip = self.stack.product_of_z(model.stack.skip)
        self.head = self.product(model.head, dtype)
        self.output = self.product(model.output, torch.float32 if mixture else dtype, 0.0 if mixture else FAR_BELOW)
        self.first = first_rows(model.first, self.stack.residual)
        self.keys = torch.zeros(num_lanes, 2, dtype=torch.int32)
        self.positions = torch.zeros(num_lanes, dtype=torch.int64)
        self.temperatures = torch.tensor([[1.0, 0.0]]).repeat(num_lanes, 1)
        self.recent = torch.full((num_lanes, config.input_kernel_size), NOTHING, dtype=torch.int32)
        self.wide = torch.zeros(num_lanes, max(self.skip.width, self.head.width, self.output.width))
        self.skips = torch.zeros(num_lanes, self.skip.width, dtype=dtype)
        self.hidden = torch.zeros(num_lanes, self.head.width, dtype=torch.float32 if mixture else dtype)
        self.scratch = torch.zeros(3 * self.output.width, dtype=torch.float64)
        self.struct = self.wavenet_struct(model)
        self.clock = 0

    @property
    def memory(self) -> dict[str, Tensor]:
        """What it carries from timestep to timestep, beside the clock; it stays where it is."""
        return {
            "rings": self.stack.rings,
            "biases": self.stack.biases,
            "recent": self.recent,
            "keys": self.keys,
            "positions": self.positions,
            "temperatures": self.temperatures,
        }

    def product(self, linear: torch.nn.Linear, dtype: torch.dtype, beyond: float = 0.0) -> PackedProduct:
        """A linear map, packed."""
        return PackedProduct.of(linear.weight.detach().t(), linear.bias.detach(), self.library, dtype, beyond)

    def wavenet_struct(self, model: WaveNet) -> WaveNetStruct:
        """All of it."""
        config, mixture = model.config, model.config.output == "logistic_mixture"
        return WaveNetStruct(
            self.stack.struct,
            self.skip.struct,
            self.head.struct,
            self.output.struct,
            address(self.first),
            config.input_kernel_size,
            config.input == "scalar",
            config.num_levels,
            mixture,
            DistributionStruct(config.num_levels, config.num_components if mixture else 0),
            *(address(part) for part in (self.recent, self.wide, self.skips, self.hidden, self.scratch)),
        )

    def start(self, lane: int, key: tuple[int, int], temperature: float) -> None:
        """An item begins in a lane at its first timestep."""
        self.stack.reset(lane)
        self.recent[lane] = NOTHING
        self.positions[lane] = 0
        self.keys[lane] = torch.tensor(key, dtype=torch.int64).to(torch.int32)
        # In float32, as `Distribution.tempered` has it.
        self.temperatures[lane, 0] = temperature
        self.temperatures[lane, 1] = self.temperatures[lane, 0].log()

    def run(
        self,
        num_timesteps: int,
        local: Tensor | None = None,
        given: Tensor | None = None,
        with_parameters: bool = False,
    ) -> Span:
        """Draw so many timesteps. `local` [N, B, D] is what changes between them, `given` [N, B] int32 what is kept."""
        shape = num_timesteps, self.num_lanes
        levels, nll_nats = torch.empty(shape, dtype=torch.int32), torch.empty(shape, dtype=torch.float64)
        parameters = torch.empty(*shape, self.output.width) if with_parameters else None
        parts = (self.keys, self.positions, self.temperatures, local, given, levels, nll_nats, parameters)
        span = SpanStruct(self.clock, num_timesteps, *(address(part) for part in parts))
        self.call(byref(self.struct), byref(span))
        self.clock += num_timesteps
        self.positions += num_timesteps
        return Span(levels, nll_nats, None if parameters is None else parameters[..., : self.num_parameters])

    @property
    def call(self):  # type: ignore[no-untyped-def]
        """The kernel of this precision."""
        name = str(self.dtype).removeprefix("torch.")
        return getattr(self.library.calls, f"ancestral_wavenet_{name}")


def is_conditioned(model: WaveNet) -> bool:
    """Whether what is added to the gates differs between lanes."""
    return not model.config.condition.is_empty or len(model.config.contexts) > 0


def local_weights(model: WaveNet) -> Tensor | None:
    """U of all layers [D, L·G] where the local condition changes from timestep to timestep; None elsewhere."""
    if not model.config.condition.has_local or model.condition.upsample is None:
        return None
    return model.condition.from_frames.weight.detach().t()


def first_rows(first: LevelConvolution | ScalarConvolution, width: int) -> Tensor:
    """What a level adds to each tap: [taps, K, R]; of scalars [taps + 1, R], the bias last."""
    if isinstance(first, ScalarConvolution):
        rows = torch.cat([first.conv.weight.detach().flatten(0, 1), first.conv.bias.detach()[None]])
        return padded(rows.float(), 1, width).contiguous()
    rows = first.embedding.weight.detach().unflatten(1, (first.num_taps, -1)).transpose(0, 1)
    return padded(rows.float(), 2, width).contiguous()
