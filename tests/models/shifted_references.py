"""The layers of PixelCNN++ again in slow loops, from the paper's words: what the fast ones are held to."""

import numpy as np
from torch import nn

from models.layers.gated_resnet import GatedResnet
from models.layers.shifted_conv import WeightNormConv2d

Maps = np.ndarray
"""[C, H, W], of one picture."""


def numbers(module: nn.Module) -> dict[str, np.ndarray]:
    """The parameters of a module as arrays."""
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


def weight_and_bias(conv: WeightNormConv2d) -> tuple[np.ndarray, np.ndarray]:
    """W = g · V / ‖V‖, output by output."""
    given = numbers(conv)
    rows = [g * v / np.sqrt((v**2).sum()) for g, v in zip(given["scale"], given["direction"], strict=True)]
    return np.stack(rows), given["bias"]


def reference_conv(conv: WeightNormConv2d, x: Maps, stride: int = 1) -> Maps:
    """Each output pixel stands at a pixel of x and sees the kernel's rows up to that one, zeros outside."""
    weight, bias = weight_and_bias(conv)
    (_, _, rows, columns), (_, height, width) = weight.shape, x.shape
    y = np.tile(bias[:, None, None], (1, height // stride, width // stride))
    for row, column, k, m in np.ndindex(*y.shape[1:], rows, columns):
        r, c = stride * row - (rows - 1) + k, stride * column - conv.reach.left + m
        if 0 <= r < height and 0 <= c < width:
            y[:, row, column] += weight[:, :, k, m] @ x[:, r, c]
    return y


def reference_transposed(conv: WeightNormConv2d, x: Maps) -> Maps:
    """Each cell adds the whole kernel to the output, from its own pixel (2R, 2C) on; what is outside falls off."""
    weight, bias = weight_and_bias(conv)
    _, height, width = x.shape
    y = np.tile(bias[:, None, None], (1, 2 * height, 2 * width))
    for row, column, k, m in np.ndindex(height, width, *weight.shape[2:]):
        r, c = 2 * row + k, 2 * column + m - conv.reach.right
        if 0 <= c < 2 * width:
            y[:, r, c] += weight[:, :, k, m] @ x[:, row, column]
    return y


def reference_concat_elu(x: Maps) -> Maps:
    both = np.concatenate([x, -x])
    return np.where(both > 0, both, np.exp(np.minimum(both, 0)) - 1)


def reference_resnet(resnet: GatedResnet, x: Maps, beside: list[Maps], bias: Maps | float = 0.0) -> Maps:
    """conv, + 1×1 of what stands beside, concat-ELU, conv to twice the features, + condition, a · σ(b), + x."""
    inside = reference_conv(resnet.first, reference_concat_elu(x))
    if beside:
        assert resnet.beside is not None
        inside = inside + reference_conv(resnet.beside, np.concatenate([reference_concat_elu(b) for b in beside]))
    both = reference_conv(resnet.second, reference_concat_elu(inside)) + bias
    a, b = both[: len(x)], both[len(x) :]
    return np.asarray(x + a / (1 + np.exp(-b)))
