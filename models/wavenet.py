"""WaveNet (van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016), whole.

A stack of dilated causal convolutions predicts a categorical distribution over the next level from all the levels in
its receptive field. Layer l, with x the layer's input, h the global and y the local condition (sections 2.2 to 2.5):

    z_l = tanh(W_f,l ∗ x_l + V_f,l h + U_f,l y) ⊙ σ(W_g,l ∗ x_l + V_g,l h + U_g,l y)                 (2), (3)
    x_l+1 = x_l + R_l z_l                                       the residual connection, section 2.4
    parameters = O · relu(A · relu(Σ_l S_l z_l + s) + a) + o    the parameterised skips and the head, section 2.4

    receptive field = 1 + (k - 1) · Σ dilations + (input kernel - 1)

Axes: B batch, T timestep, F frame, R residual, G gate (filter half, then gate half), H = G/2, S skip, A head,
K levels, L layers, D embedding.

Departures, and what the paper leaves open:
- The layout is [B, T, C]: a convolution is a matrix product, and Σ_l S_l z_l is one product over all z side by side.
- Frames are upsampled by repetition (the paper also tries a learned one): a frame's projection is made once and added
  to every timestep under it.
- R_l has no bias: that of the next layer's convolution does its work. The last layer has no R_l: nothing reads it.
- The first convolution over one-hot levels is a lookup of each level's contribution to each tap, which is the same.
- Start: torch's own for every weight, but the output layer is ten times smaller, so that the first loss is about log K.

`step` keeps a ring of d(k-1)+1 past inputs for each layer ("Fast WaveNet", Le Paine et al., 2016) and so does O(L) work
per timestep whatever the receptive field.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.autoregressive import WaveformModel
from models.causal_conv import CausalConv1d, delay, shift
from models.conditioning import (
    Condition,
    ConditionConfig,
    FrameEmbedding,
    GlobalEmbedding,
    check_condition,
    check_frames,
)
from models.cost import FLOPS_PER_MULTIPLICATION, num_multiplications
from models.distributions import Categorical

OUTPUT_SHRINK = 0.1


@dataclass(frozen=True)
class WaveNetConfig:
    """The shape of a WaveNet; the defaults are those of the fused-kernel reference, three stacks of ten layers.

    `num_levels` 256: mu-law with mu = 255. `gate_channels` holds filter and gate, half each. `dilations` are one
    stack's, repeated `num_stacks` times. `input_kernel_size` 1 embeds the level before; 2 is the paper's first causal
    convolution, and adds one timestep to the receptive field.
    """

    num_levels: int = 256
    residual_channels: int = 64
    gate_channels: int = 128
    skip_channels: int = 256
    head_channels: int = 256
    kernel_size: int = 2
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    num_stacks: int = 3
    input_kernel_size: int = 1
    condition: ConditionConfig = field(default_factory=ConditionConfig)

    def __post_init__(self) -> None:
        if self.gate_channels % 2:
            raise ValueError(f"gate_channels holds two equal halves, so it must be even, got {self.gate_channels}")
        if not self.dilations or min(*self.dilations, self.num_stacks, self.input_kernel_size) < 1:
            raise ValueError(f"dilations, num_stacks and input_kernel_size must be at least 1, got {self}")
        if self.kernel_size < 2:
            raise ValueError(
                f"kernel_size must be at least 2, or dilations have nothing to widen, got {self.kernel_size}"
            )

    @property
    def layer_dilations(self) -> tuple[int, ...]:
        """The dilation of each of the L layers."""
        return self.dilations * self.num_stacks

    @property
    def receptive_field(self) -> int:
        """1 + (k - 1) · Σ dilations + (input kernel - 1) timesteps."""
        return (self.kernel_size - 1) * sum(self.layer_dilations) + self.input_kernel_size


class GatedLayer(nn.Module):
    """One layer of the stack: equation (2) and the residual connection."""

    def __init__(self, config: WaveNetConfig, dilation: int, is_last: bool) -> None:
        super().__init__()
        self.gate = CausalConv1d(config.residual_channels, config.gate_channels, config.kernel_size, dilation)
        self.residual = None if is_last else nn.Linear(config.gate_channels // 2, config.residual_channels, bias=False)

    def forward(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Input [B, T, R] and condition [B, F, 1, G] to z [B, T, H] and the next input [B, T, R]; F divides T."""
        gate: Tensor = self.gate(x)
        if bias is not None:
            gate = (gate.unflatten(1, (bias.shape[1], -1)) + bias).flatten(1, 2)
        filtered, gating = gate.chunk(2, -1)
        z = torch.tanh(filtered) * torch.sigmoid(gating)
        return z, x if self.residual is None else x + self.residual(z)


class ConditionBias(nn.Module):
    """V h and U y of equation (3) for all layers at once: L·G numbers per item, and per frame."""

    def __init__(self, config: ConditionConfig, width: int) -> None:
        super().__init__()
        self.config = config
        if config.has_global:
            self.item = GlobalEmbedding(config)
            self.from_item = nn.Linear(config.channels, width, bias=False)
        if config.has_local:
            self.frames = FrameEmbedding(config)
            self.from_frames = nn.Linear(config.channels, width, bias=False)

    def of_item(self, condition: Condition) -> Tensor | None:
        """V h [B, L·G]; None without a global condition."""
        if not self.config.has_global:
            return None
        bias: Tensor = self.from_item(self.item(condition))
        return bias

    def of_frames(self, condition: Condition) -> Tensor:
        """U y [B, F, L·G]."""
        bias: Tensor = self.from_frames(self.frames(condition))
        return bias

    def forward(self, condition: Condition) -> Tensor | None:
        """Both together [B, F, 1, L·G], F = 1 without a local condition; None without any."""
        item = self.of_item(condition)
        if not self.config.has_local:
            return None if item is None else item[:, None, None]
        frames = self.of_frames(condition).unsqueeze(2)
        return frames if item is None else frames + item[:, None, None]


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
class WaveNetCache:
    """What `step` carries, written in place.

    `lookups` are the last embeddings [B, input kernel · R], newest last. `biases` [B, L·G] are those of the
    convolutions plus the condition of the frame at hand; `item_biases` the part that all frames share. `gate` [B, G]
    is scratch, `z` [B, L·H] is where all layers leave their z.
    """

    position: int
    num_timesteps: int
    condition: Condition
    layers: list[LayerStep]
    lookups: list[Tensor]
    item_biases: Tensor
    biases: Tensor
    gate: Tensor
    z: Tensor


class WaveNet(WaveformModel):
    """The whole network; see the top of this file."""

    distribution: Categorical

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = Categorical(config.num_levels)
        dilations, half = config.layer_dilations, config.gate_channels // 2
        self.embedding = nn.Embedding(config.num_levels, config.input_kernel_size * config.residual_channels)
        self.layers = nn.ModuleList(
            GatedLayer(config, dilation, is_last=index == len(dilations) - 1)
            for index, dilation in enumerate(dilations)
        )
        self.condition_bias = ConditionBias(config.condition, len(dilations) * config.gate_channels)
        self.skip = nn.Linear(len(dilations) * half, config.skip_channels)
        self.head = nn.Linear(config.skip_channels, config.head_channels)
        self.output = nn.Linear(config.head_channels, config.num_levels)
        with torch.no_grad():
            self.output.weight.mul_(OUTPUT_SHRINK)
            self.output.bias.zero_()

    @property
    def receptive_field(self) -> int:
        """1 + (k - 1) · Σ dilations + (input kernel - 1) timesteps."""
        return int(self.config.receptive_field)

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:
        """One timestep through every layer and the head, and its share of a frame's condition."""
        stack = num_multiplications(*self.layers, self.skip, self.head, self.output)
        frames = num_multiplications(self.condition_bias) if self.config.condition.has_local else 0
        return FLOPS_PER_MULTIPLICATION * (stack + frames / self.condition_config.hop)

    def encode(self, x: Tensor) -> Tensor:
        """Levels [B, T] to what each adds to the first convolution's taps [B, T, input kernel · R]."""
        vectors: Tensor = self.embedding(x)
        return vectors

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:
        """Inputs [B, T, input kernel · R] to logits [B, T, K]. ValueError unless frames × hop = T."""
        biases = self.biases_per_layer(condition, inputs.shape[0], inputs.shape[1])
        x = self.first_convolution(shift(inputs))
        all_z = []
        for layer, bias in zip(self.layers, biases, strict=True):
            z, x = layer(x, bias)
            all_z.append(z)
        return self.logits(torch.cat(all_z, -1))

    def biases_per_layer(self, condition: Condition | None, batch_size: int, num_timesteps: int) -> list[Tensor | None]:
        """The condition of each layer, [B, F, 1, G] or None."""
        checked = self.checked(condition, batch_size, num_timesteps)
        biases = self.condition_bias(checked)
        if biases is None:
            return [None] * len(self.layers)
        return list(biases.split(self.config.gate_channels, -1))

    def checked(self, condition: Condition | None, batch_size: int, num_timesteps: int) -> Condition:
        """The condition, if it is the one that this network takes and covers the timesteps; ValueError otherwise."""
        checked = check_condition(self.config.condition, condition, batch_size)
        if self.config.condition.has_local:
            check_frames(checked.num_frames, self.config.condition.hop, num_timesteps)
        return checked

    def first_convolution(self, lookups: Tensor) -> Tensor:
        """The sum over taps of what each level contributes: [B, T, input kernel · R] to [B, T, R]."""
        taps = lookups.chunk(self.config.input_kernel_size, -1)
        delayed = [delay(tap, len(taps) - 1 - j) for j, tap in enumerate(taps)]
        return torch.stack(delayed).sum(0)

    def logits(self, all_z: Tensor) -> Tensor:
        """All layers' z side by side [..., L·H] to logits [..., K]: the skip connections and the head."""
        hidden = torch.relu(self.head(torch.relu(self.skip(all_z))))
        logits: Tensor = self.output(hidden)
        return logits

    @torch.no_grad()
    def init_cache(self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> WaveNetCache:
        """Zeros in every ring, and the part of the condition that all timesteps share. Weights are read here once."""
        checked = self.checked(condition, batch_size, shape[0])
        weight = self.embedding.weight
        item_biases = self.item_biases(checked, batch_size)
        biases, z = item_biases.clone(), weight.new_empty(batch_size, self.skip.in_features)
        parts = zip(self.gated_layers(), self.per_layer(biases), self.per_layer(z), strict=True)
        return WaveNetCache(
            position=0,
            num_timesteps=shape[0],
            condition=checked,
            layers=[self.layer_step(layer, bias, z_part) for layer, bias, z_part in parts],
            lookups=[weight.new_zeros(batch_size, weight.shape[1])] * self.config.input_kernel_size,
            item_biases=item_biases,
            biases=biases,
            gate=weight.new_empty(batch_size, self.config.gate_channels),
            z=z,
        )

    def item_biases(self, condition: Condition, batch_size: int) -> Tensor:
        """Every convolution's bias plus V h: [B, L·G]."""
        gate_biases = torch.cat([layer.gate.bias for layer in self.gated_layers()]).expand(batch_size, -1)
        item = self.condition_bias.of_item(condition)
        return gate_biases.contiguous() if item is None else gate_biases + item

    def layer_step(self, layer: GatedLayer, bias: Tensor, z: Tensor) -> LayerStep:
        """A layer's weights and an empty ring. Tap j looks (k-1-j)·d timesteps back; the present comes first."""
        conv, batch_size = layer.gate, z.shape[0]
        backwards = range(conv.kernel_size - 1, -1, -1)
        return LayerStep(
            taps=[conv.weight[j] for j in backwards],
            reaches=[(conv.kernel_size - 1 - j) * conv.dilation for j in backwards],
            residual=None if layer.residual is None else layer.residual.weight.t(),
            ring=list(z.new_zeros(conv.reach + 1, batch_size, self.config.residual_channels).unbind()),
            bias=bias,
            z=z,
        )

    def gated_layers(self) -> list[GatedLayer]:
        """The layers, typed."""
        return [layer for layer in self.layers if isinstance(layer, GatedLayer)]

    def per_layer(self, wide: Tensor) -> tuple[Tensor, ...]:
        """Views [B, width / L] of what holds all layers side by side."""
        return wide.chunk(len(self.layers), -1)

    @torch.no_grad()
    def step(self, x_previous: Tensor | None, cache: WaveNetCache) -> tuple[Tensor, WaveNetCache]:
        """Logits [B, K] of the next level. ValueError after the last timestep that the condition covers."""
        if x_previous is not None:
            cache.lookups = [*cache.lookups[1:], self.embedding(x_previous)]
        self.enter_frame(cache)
        x = cache.layers[0].ring[cache.position % len(cache.layers[0].ring)]
        torch.sum(torch.stack(self.newest_taps(cache.lookups)), 0, out=x)
        for layer, following in zip(cache.layers, [*cache.layers[1:], None], strict=True):
            x = run_layer(layer, following, x, cache)
        cache.position += 1
        return self.logits(cache.z), cache

    def newest_taps(self, lookups: list[Tensor]) -> list[Tensor]:
        """What the last levels contribute to the first convolution now: part j of lookup j, [B, R] each."""
        width = self.config.residual_channels
        return [lookup[:, j * width : (j + 1) * width] for j, lookup in enumerate(lookups)]

    def enter_frame(self, cache: WaveNetCache) -> None:
        """Renew the biases where a frame begins. One frame at a time: its bits do not depend on how many follow."""
        if not self.config.condition.has_local or cache.position % self.config.condition.hop:
            return
        frame = cache.position // self.config.condition.hop
        if frame >= cache.condition.num_frames:
            raise ValueError(f"the condition covers {cache.num_timesteps} timesteps, and they have all been drawn")
        frame_bias = self.condition_bias.of_frames(cache.condition.frames(frame, frame + 1))
        torch.add(cache.item_biases, frame_bias[:, 0], out=cache.biases)


def run_layer(layer: LayerStep, following: LayerStep | None, x: Tensor, cache: WaveNetCache) -> Tensor:
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
