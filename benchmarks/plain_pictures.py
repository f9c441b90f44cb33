"""Gated PixelCNN as its equations say it and autograd differentiates it: what the faster one is held to.

Axes: B batch, C channel, H W, K levels.

Maps lie channel by channel, every product is with a whole masked weight, padding and shifting make maps of their own,
and the gradient of each operation is torch's own.
"""

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.autoregressive import Autoregressive
from models.distributions import at_least_float32
from models.gated_pixelcnn import GatedLayer, GatedPixelCNN
from models.layers.masked_conv import MaskedConv2d, Reach


class PlainGatedPixelCNN(GatedPixelCNN):
    """The same weights under the same names."""

    def predict(self, inputs: Tensor, condition: object = None) -> Tensor:  # noqa: D102
        v = h = inputs
        for layer in self.layers:
            v, h = layer_maps(layer, v, h)
        for conv in self.head:
            h = masked(conv, h.relu())
        logits: Tensor = h.unflatten(1, (self.config.channels, -1))
        return logits.movedim(2, -1)


def layer_maps(layer: GatedLayer, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Figure 2 of the paper."""
    conv = layer.vertical.conv
    above = F.conv2d(padded(v, layer.vertical.reach), conv.weight, conv.bias)
    below = F.pad(above, (0, 0, 1, 0))[:, :, :-1]
    out = masked(layer.output, gated(masked(layer.horizontal, h) + F.conv2d(below, layer.down.weight)))
    return gated(above), out if layer.first else h + out


def masked(conv: MaskedConv2d, x: Tensor) -> Tensor:
    """A masked convolution."""
    return F.conv2d(padded(x, conv.reach), conv.weight * conv.mask, conv.bias)


def padded(x: Tensor, reach: Reach) -> Tensor:
    """Zeros where a kernel looks past the picture."""
    return F.pad(x, (reach.left, reach.right, reach.up, 0))


def gated(x: Tensor) -> Tensor:
    """Equation 2."""
    signal, opening = x.chunk(2, 1)
    return torch.tanh(signal) * torch.sigmoid(opening)


def plain_nats(model: Autoregressive, x: Tensor) -> Tensor:
    """Nats of every level [B, C, H, W], by the logarithm of all K probabilities."""
    log_p = torch.log_softmax(at_least_float32(model(x)), -1)
    return -log_p.gather(-1, x.unsqueeze(-1)).squeeze(-1)
