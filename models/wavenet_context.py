"""The context stack of WaveNet (van den Oord et al. 2016, section 2.6).

A smaller stack at a lower rate processes a long part of the signal and conditions the network locally:

    b_m = P · [e(x_m·pool), ..., e(x_(m+1)·pool - 1)] + p       the pooling layer: a block of inputs to one vector
    c_m = relu(stack(b_<m))                                     gated layers over blocks, shifted by one block
    U c_m is added to the gates of every layer at the timesteps of block m

So the inputs of a block condition the timesteps of later blocks alone, whatever the phase of t in its own: the shift is
one whole block, made once, at the low rate. Before block 0, and before each layer, stand zeros.

    from block m it sees back to the first input of block m - 1 - (k - 1) · Σ dilations

Axes: B batch, T timestep, M block of `pool` timesteps, E width of an input, R residual, S skip, G gate and L layers of
the network that is conditioned.

What the paper leaves open: it names "pooling layers" and no more. Here one is learned, a convolution whose kernel and
stride are the block; a plain mean would forget in which order the block's inputs came. The context is held over the
block, as a repeated frame is. The stack has no condition of its own: the network that it conditions has that.

In `step` the stack makes one low-rate step for a block, so its work for a timestep is the pool-th part of a step's.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.cost import num_multiplications
from models.distributions import scaled
from models.layers.causal_conv import shift
from models.layers.upsampling import repeated
from models.layers.waveform_condition import LayerBias
from models.wavenet_stack import GatedStack, check_stack, stack_reach


@dataclass(frozen=True)
class ContextStackConfig:
    """A context stack: `pool` timesteps make a block, and the rest is the shape of a stack over blocks.

    The defaults see back 64 blocks of 64 timesteps, a quarter of a second at 16 kHz, with fewer units than the network
    has, as the paper says.
    """

    pool: int = 64
    residual_channels: int = 32
    gate_channels: int = 64
    skip_channels: int = 64
    kernel_size: int = 2
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    num_stacks: int = 1

    def __post_init__(self) -> None:
        if self.pool < 1:
            raise ValueError(f"pool must be at least 1, got {self.pool}")
        check_stack(self)

    @property
    def furthest(self) -> int:
        """How far back from timestep t it sees, at the t that look furthest: the last ones of their blocks."""
        return self.pool - 1 + self.pool * (1 + stack_reach(self))


class ContextStack(nn.Module):
    """Inputs to what conditions `gates` = (L, G) gates of the network.

    `num_levels` are embedded, or scaled to [-1, 1] where `is_scalar`.
    """

    def __init__(self, config: ContextStackConfig, num_levels: int, gates: tuple[int, int], *, is_scalar: bool) -> None:
        super().__init__()
        self.config, self.num_levels, self.gate_channels = config, num_levels, gates[1]
        self.embedding = None if is_scalar else nn.Embedding(num_levels, config.residual_channels)
        self.input_width = 1 if is_scalar else config.residual_channels
        self.pooling = nn.Linear(config.pool * self.input_width, config.residual_channels)
        self.stack = GatedStack(config)
        self.to_layers = nn.Linear(config.skip_channels, gates[0] * gates[1], bias=False)

    def encode(self, x: Tensor) -> Tensor:
        """Levels [...] to inputs [..., E]."""
        if self.embedding is None:
            return scaled(x, self.num_levels).to(self.pooling.weight.dtype).unsqueeze(-1)
        vectors: Tensor = self.embedding(x)
        return vectors

    def forward(self, inputs: Tensor) -> LayerBias:
        """Inputs [B, T, E] to U c, held over each block."""
        num_timesteps = inputs.shape[1]
        to_whole_blocks = -num_timesteps % self.config.pool
        blocks = F.pad(inputs, (0, 0, 0, to_whole_blocks)).unflatten(1, (-1, self.config.pool)).flatten(2)
        biases = self.biases(self.stack(shift(self.pooling(blocks)), [])).split(self.gate_channels, -1)
        return lambda layer: repeated(biases[layer], self.config.pool)[:, :num_timesteps, None]

    def biases(self, skips: Tensor) -> Tensor:
        """What the skip connections' sum [..., S] becomes for all layers, [..., L·G]."""
        biases: Tensor = self.to_layers(torch.relu(skips))
        return biases

    def multiplications_per_timestep(self) -> float:
        """Products with weights: a timestep's share of its block's."""
        return num_multiplications(self.pooling, self.stack, self.to_layers) / self.config.pool


class DrawnContext:
    """U c of all layers at the timestep at hand, `value` [B, L·G], renewed where a block begins."""

    value: Tensor

    def __init__(self, network: ContextStack, batch_size: int) -> None:
        self.network = network
        self.cache = network.stack.init_cache(network.stack.gate_biases(batch_size))
        self.block = self.cache.biases.new_zeros(batch_size, network.config.pool, network.input_width)

    def take(self, position: int, inputs: Tensor) -> None:
        """Keep the inputs [B, E] of a timestep until its block is whole."""
        self.block[:, position % self.network.config.pool] = inputs

    def enter(self, position: int) -> bool:
        """Whether the value is another here: at the first timestep of a block, made from the blocks before it."""
        if position % self.network.config.pool:
            return False
        if position == 0:
            self.cache.input.zero_()
        else:
            self.cache.input.copy_(self.network.pooling(self.block.flatten(1)))
        self.value = self.network.biases(self.network.stack.step(self.cache))
        return True
