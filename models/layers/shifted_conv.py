"""Convolutions that look up and to the left, weight-normalised: the layers of PixelCNN++.

Axes: B batch, C channel (feature), H W.

Where a stream of features is moved one row down, or one pixel to the right, before anything looks at it, no kernel
needs a mask: it only must not look below the current row, or to the right of the current pixel.

    ABOVE      2 × 3   the row above and the current one, side to side        "down-shifted"
    UP_LEFT    2 × 2   the row above and the current one, to the left         "down-right-shifted"

A strided one gives half the rows and columns: cell (R, C) stands at pixel (2R, 2C), and looks from there. A transposed
one doubles them: pixel (r, c) looks at the cells that stand where a kernel around the pixel meets them.

    W = g · V / ‖V‖, the norm over all that leads to an output feature             weight normalisation
    g = s / std(V ∗ x / ‖V‖),  b = -g · mean(V ∗ x / ‖V‖),  x the first batch      its data-dependent start

Sources: Salimans and Kingma 2016, "Weight Normalization", §2 and §3; Salimans et al. 2017, §2.3, and openai/pixel-cnn.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.layers.masked_conv import Reach
from models.layers.picture_field import seen_from, vertical_offsets

ABOVE = Reach(up=1, left=1, right=1)
UP_LEFT = Reach(up=1, left=1, right=0)

START_DEVIATION = 0.05
"""Of the entries of V. Only the direction of V counts; its length decides how fast training turns it."""

SMALLEST_VARIANCE = 1e-8
"""A feature that varies less over the first batch is not blown up to vary: its g stays at s."""


class WeightNormConv2d(nn.Module, ABC):
    """A convolution with kernel (up + 1) × (left + 1 + right): [B, C_in, H, W] to [B, C_out, ...]."""

    def __init__(self, features_in: int, features_out: int, reach: Reach, start_scale: float = 1.0) -> None:
        super().__init__()
        self.reach, self.start_scale = reach, start_scale
        kernel = (reach.up + 1, reach.left + 1 + reach.right)
        self.direction = nn.Parameter(START_DEVIATION * torch.randn(features_out, features_in, *kernel))
        self.scale = nn.Parameter(torch.full((features_out,), start_scale))
        self.bias = nn.Parameter(torch.zeros(features_out))

    @abstractmethod
    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """The convolution itself, under a weight [C_out, C_in, rows, columns]."""

    @abstractmethod
    def seen_by(self, field: Tensor) -> Tensor:
        """Which places of the input the places of a field of the output see; both are [H, W] bool, each of its size."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return self.convolve(x, self.weight(), self.bias)

    def weight(self) -> Tensor:
        """W, [C_out, C_in, rows, columns]."""
        return self.unit() * self.scale[:, None, None, None]

    def unit(self) -> Tensor:
        """V / ‖V‖."""
        length: Tensor = torch.linalg.vector_norm(self.direction, dim=(1, 2, 3), keepdim=True)
        return self.direction / length

    @torch.no_grad()
    def start_from(self, x: Tensor) -> None:
        """Set g and b so that what this layer makes of a batch x has mean 0 and deviation `start_scale`."""
        variance, mean = torch.var_mean(self.convolve(x, self.unit()), dim=(0, 2, 3), correction=0)
        deviation = torch.where(variance > SMALLEST_VARIANCE, variance.sqrt(), 1)
        self.scale.copy_(self.start_scale / deviation)
        self.bias.copy_(-self.scale * mean)


class ShiftedConv2d(WeightNormConv2d):
    """Zeros stand outside the picture. With a stride of 2: [B, C_in, H, W] to [B, C_out, H / 2, W / 2]."""

    def __init__(
        self, features_in: int, features_out: int, reach: Reach, stride: int = 1, start_scale: float = 1.0
    ) -> None:
        super().__init__(features_in, features_out, reach, start_scale)
        self.stride = stride

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: D102
        up, left, right = self.reach
        padded = F.pad(x, (left, right, up, 0)) if any(self.reach) else x
        return F.conv2d(padded, weight, bias, self.stride)

    def seen_by(self, field: Tensor) -> Tensor:  # noqa: D102
        return seen_from(spread(field, self.stride), vertical_offsets(self.reach))


class TransposedConv2d(WeightNormConv2d):
    """Double size: [B, C_in, H, W] to [B, C_out, 2H, 2W]."""

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: D102
        y = F.conv_transpose2d(x, weight.transpose(0, 1), bias, stride=2)
        right, (rows, columns) = self.reach.right, x.shape[2:]
        return y[:, :, : 2 * rows, right : right + 2 * columns]

    def seen_by(self, field: Tensor) -> Tensor:  # noqa: D102
        return seen_from(field, vertical_offsets(self.reach))[::2, ::2]


def spread(field: Tensor, stride: int) -> Tensor:
    """A field [H, W] of cells as one of the pixels that they stand at, [stride · H, stride · W]."""
    pixels = field.new_zeros(stride * field.shape[0], stride * field.shape[1])
    pixels[::stride, ::stride] = field
    return pixels


@contextmanager
def started_from_data(model: nn.Module) -> Iterator[None]:
    """Inside, what a layer of `model` is called with first sets the layer's start.

    It is set before the layer answers, so a layer is started from what the layers before it give after their own
    start, as in a batch of training; their answers from before would be of another size.
    """

    def start(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(layer, WeightNormConv2d)
        layer.start_from(inputs[0])

    layers = [module for module in model.modules() if isinstance(module, WeightNormConv2d)]
    hooks = [layer.register_forward_pre_hook(start) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
