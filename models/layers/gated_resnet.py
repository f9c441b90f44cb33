"""The gated resnet of PixelCNN++ (Salimans et al. 2017; `gated_resnet` of openai/pixel-cnn).

Axes: B batch, C channel (feature), H W.

    a, b = conv ∗ drop(f(conv ∗ f(x) + 1×1 ∗ f(beside))) + bias        f(x) = elu(x, -x), twice the features
    x + a · σ(b)

`beside` are maps that feed it from elsewhere: the other stream, a shortcut. The bias is what a condition adds.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.layers.dropout import KeyedDropout
from models.layers.masked_conv import POINT, Reach
from models.layers.picture_condition import LayerBias, plus
from models.layers.shifted_conv import ShiftedConv2d

GATE_START = 0.1
"""A resnet begins near the identity: what it adds has a tenth of the deviation of other layers."""


class GatedResnet(nn.Module):
    """x [B, filters, H, W] to the same; `beside` are maps of that size that feed it too."""

    def __init__(self, filters: int, reach: Reach, num_beside: int, dropout: float) -> None:
        super().__init__()
        self.first = ShiftedConv2d(2 * filters, filters, reach)
        self.beside = ShiftedConv2d(2 * num_beside * filters, filters, POINT) if num_beside else None
        self.dropout = KeyedDropout(dropout)
        self.second = ShiftedConv2d(2 * filters, 2 * filters, reach, start_scale=GATE_START)

    def forward(self, x: Tensor, beside: Sequence[Tensor], bias: LayerBias) -> Tensor:  # noqa: D102
        inside = self.first(concat_elu(x))
        if self.beside is not None:
            inside = inside + self.beside(torch.cat([concat_elu(features) for features in beside], 1))
        inside = self.dropout(concat_elu(inside))
        return x + F.glu(plus(self.second(inside), bias), 1)


def concat_elu(x: Tensor) -> Tensor:
    """ELU of the features and of their negatives: [B, C, ...] to [B, 2C, ...]."""
    return F.elu(torch.cat([x, -x], 1))
