"""WaveNet (van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016), whole.

A stack of dilated causal convolutions predicts a distribution over the next level from all the levels in its receptive
field, given a global condition h and a local one y:

    x_0 = W ∗ onehot(levels before t)                                                                        2.1
    z_l = tanh(W_f,l ∗ x_l + V_f,l h + U_f,l y) ⊙ σ(W_g,l ∗ x_l + V_g,l h + U_g,l y)                         (2), (3)
    x_l+1 = x_l + R_l z_l                                                                                    2.4
    parameters = O · relu(A · relu(Σ_l S_l z_l + s) + a) + o        of a softmax over mu-law levels          2.2, 2.4

This file holds both ends and puts the parts together: `wavenet_stack.py` the gated layers (2.1, 2.3, 2.4),
`waveform_condition.py` and `upsampling.py` the conditions (2.5), `wavenet_context.py` the context stacks (2.6).

    receptive field = 1 + (k - 1) · Σ dilations + (input kernel - 1), or that of a context stack

Axes: B batch, T timestep, F frame, R residual, G gate (filter half, then gate half), S skip, A head, K levels,
P parameters, L layers, M mixture components, D embedding.

Departures, and what the paper leaves open:
- The first convolution over one-hot levels is a lookup of each level's contribution to each tap, which is the same.
  `input` "scalar" gives it the level scaled to [-1, 1] instead: 65,536 levels are too many to look up.
- `output` "logistic_mixture" is the discretised mixture of PixelCNN++ (Salimans et al. 2017, section 2.1) in place of
  the softmax. The paper weighs mixtures (section 2.2) and prefers the softmax, over 256 levels; for 16-bit audio the
  mixture became the custom (Parallel WaveNet, section 2.1).
- Start: torch's own for every weight, but the output layer is ten times smaller, so that the first loss is about that
  of the uniform distribution: log K. A mixture's components start evenly spread over the levels, as wide as apart.

What else departs stands in the parts' files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn

from models.autoregressive import WaveformModel
from models.conditioning import Condition, ConditionConfig
from models.cost import FLOPS_PER_MULTIPLICATION, num_multiplications
from models.distributions import Categorical, DiscretisedLogisticMixture, scaled
from models.layers.causal_conv import CausalConv1d, delay, shift
from models.layers.linear import Linear
from models.layers.precision import as_multiplied, full_precision
from models.layers.waveform_condition import DrawnFrames, WaveformCondition
from models.wavenet_context import ContextStack, ContextStackConfig, DrawnContext
from models.wavenet_stack import GatedStack, StackCache, check_stack, layer_dilations, stack_reach

OUTPUT_SHRINK = 0.1


@dataclass(frozen=True)
class WaveNetConfig:
    """The shape of a WaveNet; the defaults are those of the fused-kernel reference, three stacks of ten layers.

    `num_levels` 256: mu-law with mu = 255. `gate_channels` holds filter and gate, half each. `dilations` are one
    stack's, repeated `num_stacks` times. `input_kernel_size` 1 embeds the level before; 2 is the paper's first causal
    convolution, and adds one timestep to the receptive field. `num_components` are those of a mixture: 10 as in
    PixelCNN++, and in the WaveNets for 16 bits that followed it.
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
    contexts: tuple[ContextStackConfig, ...] = ()
    input: Literal["levels", "scalar"] = "levels"
    output: Literal["softmax", "logistic_mixture"] = "softmax"
    num_components: int = 10

    def __post_init__(self) -> None:
        check_stack(self)
        if min(self.input_kernel_size, self.head_channels) < 1:
            raise ValueError(
                f"input_kernel_size and head_channels must be at least 1, got {self.input_kernel_size} and "
                f"{self.head_channels}"
            )

    @property
    def layer_dilations(self) -> tuple[int, ...]:
        """The dilation of each of the L layers."""
        return layer_dilations(self)

    @property
    def receptive_field(self) -> int:
        """1 + (k - 1) · Σ dilations + (input kernel - 1) timesteps, or what a context stack sees, if that is more.

        A context conditions the first layer too, whose output later layers see from as far back as they reach.
        """
        after_first = stack_reach(self) - (self.kernel_size - 1) * self.dilations[0]
        through_contexts = (after_first + context.furthest for context in self.contexts)
        return max(stack_reach(self) + self.input_kernel_size, *through_contexts, 0)

    @property
    def distribution(self) -> Categorical | DiscretisedLogisticMixture:
        """What the parameters are those of."""
        if self.output == "softmax":
            return Categorical(self.num_levels)
        return DiscretisedLogisticMixture(self.num_levels, self.num_components)


class LevelConvolution(nn.Module):
    """The first causal convolution, over one-hot levels: k lookups of R numbers, added."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.num_taps, self.width = config.input_kernel_size, config.input_kernel_size * config.residual_channels
        self.embedding = nn.Embedding(config.num_levels, self.width)

    def encode(self, x: Tensor) -> Tensor:
        """Levels [...] to what each adds to every tap [..., k·R]."""
        vectors: Tensor = self.embedding(x)
        return vectors

    def forward(self, inputs: Tensor) -> Tensor:
        """The sum over taps of what each level adds: [B, T, k·R] to [B, T, R], in the precision of products.

        The stream keeps it: half the bytes to move at every layer where products are bfloat16 (decisions/0010).
        """
        taps = inputs.chunk(self.num_taps, -1)
        stream = sum((delay(tap, self.num_taps - 1 - j) for j, tap in enumerate(taps[:-1])), start=taps[-1])
        return as_multiplied(stream)[0]

    def newest(self, recent: list[Tensor], out: Tensor) -> None:
        """The same at one timestep: part j of the j-th of the last k inputs."""
        first, *later = [inputs.chunk(self.num_taps, -1)[j] for j, inputs in enumerate(recent)]
        out.copy_(first)
        for tap in later:
            out.add_(tap)


class ScalarConvolution(nn.Module):
    """The first causal convolution, over levels scaled to [-1, 1]."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.num_levels, self.width = config.num_levels, 1
        self.conv = CausalConv1d(1, config.residual_channels, config.input_kernel_size, 1)

    def encode(self, x: Tensor) -> Tensor:
        """Levels [...] to reals [..., 1]."""
        return scaled(x, self.num_levels).to(self.conv.weight.dtype).unsqueeze(-1)

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, T, 1] to [B, T, R].

        In full precision, as the head: bfloat16 takes 128 levels beside each other for one. The stream then carries
        what tells them apart on to every layer.
        """
        with full_precision(inputs.device):
            y: Tensor = self.conv(inputs.to(self.conv.weight.dtype))
        return y

    def newest(self, recent: list[Tensor], out: Tensor) -> None:
        """The same at one timestep, from the last k inputs."""
        torch.addmm(self.conv.bias, torch.cat(recent, -1), self.conv.weight.flatten(0, 1), out=out)


@dataclass
class WaveNetCache:
    """What `step` carries, written in place.

    `recent` are the last inputs of the first convolution, newest last. `item_biases` [B, L·G] are those of all
    convolutions plus V h; the stack's own `biases` are these and what `frames` (one, where there is a local condition)
    and `contexts` add at the timestep at hand.
    """

    stack: StackCache
    recent: list[Tensor]
    item_biases: Tensor
    frames: list[DrawnFrames]
    contexts: list[DrawnContext]


class WaveNet(WaveformModel):
    """The whole network; see the top of this file."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.config = config
        self.distribution = config.distribution
        is_scalar, gates = config.input == "scalar", (len(config.layer_dilations), config.gate_channels)
        self.first = ScalarConvolution(config) if is_scalar else LevelConvolution(config)
        self.stack = GatedStack(config)
        self.condition = WaveformCondition(config.condition, *gates)
        self.contexts = cast(
            Sequence[ContextStack],
            nn.ModuleList(
                ContextStack(context, config.num_levels, gates, is_scalar=is_scalar) for context in config.contexts
            ),
        )
        self.head = Linear(config.skip_channels, config.head_channels)
        self.output = Linear(config.head_channels, self.distribution.num_parameters)
        start_output(self.output, config)

    @property
    def receptive_field(self) -> int:
        """That of the config, in timesteps."""
        return int(self.config.receptive_field)

    @property
    def alignment(self) -> int:
        """Frames and blocks of every context stack begin at the multiples of this many timesteps."""
        return math.lcm(self.config.condition.hop, *(context.pool for context in self.config.contexts))

    def units(self) -> Sequence[nn.Module]:
        """The gated layers, those of context stacks too."""
        stacks = [self.stack, *(context.stack for context in self.contexts)]
        return [layer for stack in stacks for layer in stack.layers]

    def flops_per_draw(self, shape: tuple[int, ...]) -> float:
        """One timestep through every layer and the head, and its share of what its frame and its blocks take."""
        first = num_multiplications(self.first, self.stack, self.head, self.output)
        contexts = sum(context.multiplications_per_timestep() for context in self.contexts)
        return FLOPS_PER_MULTIPLICATION * (first + contexts + self.condition.multiplications_per_timestep(shape[0]))

    def encode(self, x: Tensor) -> Tensor:
        """Levels [B, T] to the inputs of the first convolution and of each context stack, side by side."""
        return torch.cat([entry.encode(x) for entry in (self.first, *self.contexts)], -1)

    def predict(self, inputs: Tensor, condition: Condition | None = None) -> Tensor:
        """Inputs [B, T, ...] to parameters [B, T, P]. ValueError unless frames × hop = T."""
        checked = self.condition.checked(condition, inputs.shape[0], inputs.shape[1])
        widths = [self.first.width, *(context.input_width for context in self.contexts)]
        first, *others = inputs.split(widths, -1)
        contexts = [context(own) for context, own in zip(self.contexts, others, strict=True)]
        skips = self.stack(self.first(shift(first)), [*self.condition(checked), *contexts])
        return self.parameters_of(skips)

    def parameters_of(self, skips: Tensor) -> Tensor:
        """The head of figure 4: the skip connections' sum [..., S] to parameters [..., P]."""
        hidden = torch.relu(self.head(torch.relu(skips)))
        if self.config.output == "logistic_mixture":
            # In full precision: bfloat16 has 128 numbers from 1/2 to 1, where 16,384 of 65,536 levels stand.
            with full_precision(hidden.device):
                return self.output(hidden.to(self.output.weight.dtype))  # type: ignore[no-any-return]
        parameters: Tensor = self.output(hidden)
        return parameters

    @torch.no_grad()
    def init_cache(self, batch_size: int, condition: Condition | None, shape: tuple[int, ...]) -> WaveNetCache:
        """Zeros in every ring, and the part of the condition that all timesteps share. Weights are read here once."""
        checked = self.condition.checked(condition, batch_size, shape[0])
        item, biases = self.condition.of_item(checked), self.stack.gate_biases(batch_size)
        item_biases = biases if item is None else biases + item
        return WaveNetCache(
            stack=self.stack.init_cache(item_biases.clone()),
            recent=[biases.new_zeros(batch_size, self.first.width)] * self.config.input_kernel_size,
            item_biases=item_biases,
            frames=[DrawnFrames(self.condition, checked)] if self.config.condition.has_local else [],
            contexts=[DrawnContext(context, batch_size) for context in self.contexts],
        )

    @torch.no_grad()
    def step(self, x_previous: Tensor | None, cache: WaveNetCache) -> tuple[Tensor, WaveNetCache]:
        """Parameters [B, P] of the next level. ValueError after the last timestep that the condition covers."""
        if x_previous is not None:
            cache.recent = [*cache.recent[1:], self.first.encode(x_previous)]
            for context, drawn in zip(self.contexts, cache.contexts, strict=True):
                drawn.take(cache.stack.position - 1, context.encode(x_previous))
        enter_timestep(cache)
        self.first.newest(cache.recent, out=cache.stack.input)
        return self.parameters_of(self.stack.step(cache.stack)), cache


def enter_timestep(cache: WaveNetCache) -> None:
    """Write the biases anew where what conditions the gates is another than before."""
    changing: list[DrawnFrames | DrawnContext] = [*cache.frames, *cache.contexts]
    have_changed = [part.enter(cache.stack.position) for part in changing]
    if any(have_changed):
        cache.stack.biases.copy_(cache.item_biases)
        for part in changing:
            cache.stack.biases.add_(part.value)


@torch.no_grad()
def start_output(output: nn.Linear, config: WaveNetConfig) -> None:
    """Small weights, and biases of the uniform distribution: equal logits, or components spread over [-1, 1]."""
    output.weight.mul_(OUTPUT_SHRINK)
    output.bias.zero_()
    if config.output == "logistic_mixture":
        _, means, log_scales = output.bias.chunk(3)
        edge = 1 - 1 / config.num_components
        means.copy_(torch.linspace(-edge, edge, config.num_components))
        log_scales.fill_(-math.log(config.num_components))
