"""The stack of WaveNet (van den Oord et al. 2016), sections 2.1 to 2.5: gated layers of dilated causal convolutions.

With x_l the input of layer l, h the global and y the local condition:

    z_l = tanh(W_f,l ∗ x_l + V_f,l h + U_f,l y) ⊙ σ(W_g,l ∗ x_l + V_g,l h + U_g,l y)                 (2), (3)
    x_l+1 = x_l + R_l z_l                                       the residual connection, section 2.4
    output = Σ_l S_l z_l + s                                    the parameterised skip connections, section 2.4

Axes: B batch, T timestep, R residual, G gate (filter half, then gate half), H = G/2, S skip, L layers.

Departures: the layout is [B, T, C], a convolution is a matrix product, and Σ_l S_l z_l is one product over all z side
by side. R_l has no bias: that of the next layer's convolution does its work. The last layer has no R_l: nothing reads
it.

`step` keeps a ring of d(k-1)+1 past inputs for each layer ("Fast WaveNet", Le Paine et al., 2016) and so does O(L) work
per timestep whatever the receptive field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from models.layers.causal_conv import CausalConv1d
from models.layers.gated_conv import GatedWeights, gated_convolution
from models.layers.linear import Linear
from models.layers.side_by_side import Part, SideBySide
from models.layers.waveform_condition import LayerBias


class StackShape(Protocol):
    """What a config says of its stack: `gate_channels` of filter and gate; `dilations`, repeated `num_stacks` times."""

    @property
    def residual_channels(self) -> int: ...  # noqa: D102
    @property
    def gate_channels(self) -> int: ...  # noqa: D102
    @property
    def skip_channels(self) -> int: ...  # noqa: D102
    @property
    def kernel_size(self) -> int: ...  # noqa: D102
    @property
    def dilations(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def num_stacks(self) -> int: ...  # noqa: D102


def check_stack(shape: StackShape) -> None:
    """A ValueError unless a stack can be built of it."""
    if shape.gate_channels % 2:
        raise ValueError(f"gate_channels holds two equal halves, so it must be even, got {shape.gate_channels}")
    widths = shape.residual_channels, shape.gate_channels, shape.skip_channels
    if min(widths) < 1:
        raise ValueError(f"residual_channels, gate_channels and skip_channels must be at least 1, got {widths}")
    if not shape.dilations or min(*shape.dilations, shape.num_stacks) < 1:
        raise ValueError(f"dilations and num_stacks must be at least 1, got {shape}")
    if shape.kernel_size < 2:
        raise ValueError(f"kernel_size must be at least 2, or dilations have nothing to widen, got {shape.kernel_size}")


def layer_dilations(shape: StackShape) -> tuple[int, ...]:
    """The dilation of each of the L layers."""
    return shape.dilations * shape.num_stacks


def stack_reach(shape: StackShape) -> int:
    """How far back the output looks: (k - 1) · Σ dilations."""
    return (shape.kernel_size - 1) * sum(layer_dilations(shape))


class GatedLayer(nn.Module):
    """One layer of the stack: equation (2) and the residual connection."""

    def __init__(self, shape: StackShape, dilation: int, is_last: bool) -> None:
        super().__init__()
        self.gate = CausalConv1d(shape.residual_channels, shape.gate_channels, shape.kernel_size, dilation)
        self.residual = None if is_last else nn.Linear(shape.gate_channels // 2, shape.residual_channels, bias=False)

    def forward(self, x: Tensor, biases: Sequence[Tensor], room: Part | None = None) -> tuple[Tensor, Tensor]:
        """Input [B, T, R] and biases [B, N, 1, G] to z [B, T, H] and the next input [B, T, R]; each N divides T.

        z is written where there is `room` for it, if a kernel works it out.
        The equation as it stands is `benchmarks/plain_waveforms.py`; the gradient is written out in `gated_conv.py`.
        """
        residual = None if self.residual is None else self.residual.weight
        weights = GatedWeights(self.gate.weight, self.gate.bias, residual)
        return gated_convolution(x, weights, self.gate.dilation, list(biases), room)


@dataclass
class LayerStep:
    """One layer in `step`: its weights, its part of the buffers, its ring of d(k-1)+1 past inputs [B, R]."""

    taps: list[Tensor]
    reaches: list[int]
    residual: Tensor | None
    ring: list[Tensor]
    bias: Tensor
    z: Tensor


@dataclass
class StackCache:
    """What `step` carries, written in place.

    `biases` [B, L·G] are those of all convolutions plus what conditions them at the timestep at hand; whoever changes
    the condition writes them. `gate` [B, G] is scratch, `z` [B, L·H] is where all layers leave their z.
    """

    position: int
    layers: list[LayerStep]
    biases: Tensor
    gate: Tensor
    z: Tensor

    @property
    def input(self) -> Tensor:
        """Where the first layer's input [B, R] is to be written before each step."""
        ring = self.layers[0].ring
        return ring[self.position % len(ring)]


class GatedStack(nn.Module):
    """All layers and their skip connections: [B, T, R] to [B, T, S]."""

    def __init__(self, shape: StackShape) -> None:
        super().__init__()
        self.shape = shape
        dilations = layer_dilations(shape)
        layers = [
            GatedLayer(shape, dilation, is_last=index == len(dilations) - 1) for index, dilation in enumerate(dilations)
        ]
        self.layers = cast(Sequence[GatedLayer], nn.ModuleList(layers))
        self.skip = Linear(len(dilations) * shape.gate_channels // 2, shape.skip_channels)

    def forward(self, x: Tensor, biases: Sequence[LayerBias]) -> Tensor:
        """The skip connections' sum at every timestep; `biases` are all added to the gates."""
        room, all_z = SideBySide(x, len(self.layers), self.shape.gate_channels // 2), []
        for index, layer in enumerate(self.layers):
            z, x = layer(x, [bias(index) for bias in biases], room.part(index))
            all_z.append(z)
        output: Tensor = self.skip(room.joined(all_z))
        return output

    def gate_biases(self, batch_size: int) -> Tensor:
        """Every convolution's own bias, [B, L·G]."""
        return torch.cat([layer.gate.bias for layer in self.layers]).expand(batch_size, -1).contiguous()

    def init_cache(self, biases: Tensor) -> StackCache:
        """Zeros in every ring; `biases` [B, L·G] are read until others are written. Weights are read here once."""
        z = biases.new_empty(biases.shape[0], self.skip.in_features)
        parts = zip(self.layers, self.per_layer(biases), self.per_layer(z), strict=True)
        layers = [self.layer_step(layer, bias, z_part) for layer, bias, z_part in parts]
        return StackCache(0, layers, biases, biases.new_empty(biases.shape[0], self.shape.gate_channels), z)

    def per_layer(self, wide: Tensor) -> tuple[Tensor, ...]:
        """Views [B, width / L] of what holds all layers side by side."""
        return wide.chunk(len(self.layers), -1)

    def layer_step(self, layer: GatedLayer, bias: Tensor, z: Tensor) -> LayerStep:
        """A layer's weights and an empty ring. Tap j looks (k-1-j)·d timesteps back; the present comes first."""
        conv, batch_size = layer.gate, z.shape[0]
        backwards = range(conv.kernel_size - 1, -1, -1)
        return LayerStep(
            taps=[conv.weight[j] for j in backwards],
            reaches=[(conv.kernel_size - 1 - j) * conv.dilation for j in backwards],
            residual=None if layer.residual is None else layer.residual.weight.t(),
            ring=list(z.new_zeros(conv.reach + 1, batch_size, self.shape.residual_channels).unbind()),
            bias=bias,
            z=z,
        )

    def step(self, cache: StackCache) -> Tensor:
        """The skip connections' sum [B, S] at the next timestep, whose input stands in `cache.input`."""
        x = cache.input
        for layer, following in zip(cache.layers, [*cache.layers[1:], None], strict=True):
            x = run_layer(layer, following, x, cache)
        cache.position += 1
        output: Tensor = self.skip(cache.z)
        return output


def run_layer(layer: LayerStep, following: LayerStep | None, x: Tensor, cache: StackCache) -> Tensor:
    """One layer at one timestep: z into its place, and the next layer's input straight into that layer's ring."""
    gate, slots = cache.gate, len(layer.ring)
    torch.addmm(layer.bias, x, layer.taps[0], out=gate)
    for tap, reach in zip(layer.taps[1:], layer.reaches[1:], strict=True):
        gate.addmm_(layer.ring[(cache.position - reach) % slots], tap)
    filtered, gating = gate.chunk(2, -1)
    torch.mul(filtered.tanh_(), gating.sigmoid_(), out=layer.z)
    if following is None or layer.residual is None:
        return x
    return torch.addmm(x, layer.z, layer.residual, out=following.ring[cache.position % len(following.ring)])
