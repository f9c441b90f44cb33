"""WaveNet as its equations say it and autograd differentiates it: what the faster one is held to.

Axes: B batch, T timestep, K levels.

Taps are padded copies side by side, a condition, a gate and the residual connection each make maps of their own, and
the gradient of each operation is torch's own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.autoregressive import Autoregressive
from models.distributions import at_least_float32
from models.layers.causal_conv import delay
from models.layers.linear import Linear
from models.wavenet import LevelConvolution, WaveNet, WaveNetConfig
from models.wavenet_stack import GatedLayer


class PlainWaveNet(WaveNet):
    """The same weights under the same names."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        for module in self.modules():
            if isinstance(module, GatedLayer):
                module.__class__ = PlainLayer
            elif isinstance(module, LevelConvolution):
                module.__class__ = PlainLevelConvolution
            elif isinstance(module, Linear):
                module.__class__ = nn.Linear  # type: ignore[assignment]


class PlainLayer(GatedLayer):
    """Equation (2) and the residual connection."""

    def forward(self, x: Tensor, biases: Sequence[Tensor], room: object = None) -> tuple[Tensor, Tensor]:  # noqa: D102
        gate: Tensor = self.gate(x)
        for bias in biases:
            gate = (gate.unflatten(1, (bias.shape[1], -1)) + bias).flatten(1, 2)
        filtered, gating = gate.chunk(2, -1)
        z = torch.tanh(filtered) * torch.sigmoid(gating)
        return z, x if self.residual is None else x + self.residual(z)


class PlainLevelConvolution(LevelConvolution):
    """The sum over taps, in the weights' precision."""

    def forward(self, inputs: Tensor) -> Tensor:  # noqa: D102
        taps = inputs.chunk(self.num_taps, -1)
        return torch.stack([delay(tap, self.num_taps - 1 - j) for j, tap in enumerate(taps)]).sum(0)


def plain_nats(model: Autoregressive, x: Tensor) -> Tensor:
    """Nats of every level [B, T], by the logarithm of all K probabilities."""
    log_p = torch.log_softmax(at_least_float32(model(x)), -1)
    return -log_p.gather(-1, x.unsqueeze(-1)).squeeze(-1)
