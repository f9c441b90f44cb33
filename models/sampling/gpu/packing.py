"""A WaveNet's weights as the kernels read them: widths padded with zeros to whole tiles, products' in one precision.

Axes: R residual, G gate, H = G/2, S skip, A head, P parameters, L layers, k taps, K levels. W before an axis: padded.

A tile has a power of two of rows and of columns, 16 at the least (`tl.dot`). What is padded is zero on both sides of
every product, so it stays zero and adds nothing.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.distributions import scaled
from models.wavenet import ScalarConvolution, WaveNet

Precision = Literal["float32", "bfloat16"]
"""Of the factors of products, and of what the rings hold. Sums are float32."""

SMALLEST_TILE = 16
LARGEST_TILE = 64
"""Of rows and columns of a head's product that are multiplied at once."""


@dataclass(frozen=True)
class PackedFirst:
    """The first convolution, in float32: values [K] and weights [k, R] of scalars, or weights [K, k, R] of levels."""

    values: Tensor
    weights: Tensor
    bias: Tensor
    is_scalar: bool


@dataclass(frozen=True)
class PackedStack:
    """All gated layers: taps [L, k, 2, WR, WH], residual [L, WH, WR], skip [L, WH, WS], skip_bias [S]."""

    taps: Tensor
    residual: Tensor
    skip: Tensor
    skip_bias: Tensor


@dataclass(frozen=True)
class PackedProduct:
    """A product of the head: weight [WK, WN], bias [N]; `depth` and `columns` are its tile's rows and columns."""

    weight: Tensor
    bias: Tensor
    depth: int
    columns: int


@dataclass(frozen=True)
class PackedWaveNet:
    """All of it, copied: what the model's weights become later is not seen."""

    first: PackedFirst
    stack: PackedStack
    head: PackedProduct
    output: PackedProduct
    dtype: torch.dtype


@torch.no_grad()
def pack(model: WaveNet, precision: Precision) -> PackedWaveNet:
    """The weights on the model's device.

    As in `WaveNet`, the ends stay float32 where bfloat16 would blur levels: the first convolution, and the output of a
    mixture. ValueError for an unknown precision.
    """
    dtype = dtype_of(precision)
    output_dtype = torch.float32 if model.config.output == "logistic_mixture" else dtype
    return PackedWaveNet(
        packed_first(model),
        packed_stack(model, dtype),
        packed_product(model.head, dtype),
        packed_product(model.output, output_dtype),
        dtype,
    )


def dtype_of(precision: Precision) -> torch.dtype:
    """Of the factors of products. ValueError for an unknown precision."""
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision is float32 or bfloat16, got {precision!r}")
    return torch.float32 if precision == "float32" else torch.bfloat16


def tile(size: int) -> int:
    """The power of two, 16 at the least, that holds `size`."""
    return max(SMALLEST_TILE, 1 << (size - 1).bit_length())


def padded(weight: Tensor, rows: int, columns: int) -> Tensor:
    """Zeros after the last two axes, up to rows × columns; a copy."""
    return F.pad(weight, (0, columns - weight.shape[-1], 0, rows - weight.shape[-2])).contiguous()


def packed_first(model: WaveNet) -> PackedFirst:
    """The first convolution of either kind."""
    channels, num_levels = model.config.residual_channels, model.config.num_levels
    if isinstance(model.first, ScalarConvolution):
        conv = model.first.conv
        values = scaled(torch.arange(num_levels, device=conv.weight.device), num_levels)
        return PackedFirst(values.float(), conv.weight[:, 0].float().clone(), conv.bias.float().clone(), True)
    table = model.first.embedding.weight.float().clone()
    return PackedFirst(table.new_zeros(1), table, table.new_zeros(channels), False)


def packed_stack(model: WaveNet, dtype: torch.dtype) -> PackedStack:
    """The layers of the stack; the last one, which has no residual connection, has one of zeros."""
    config, stack = model.config, model.stack
    residual, gate, skip = (
        tile(n) for n in (config.residual_channels, config.gate_channels // 2, config.skip_channels)
    )
    taps = torch.stack([torch.stack(layer.gate.weight.chunk(2, -1), 1) for layer in stack.layers])
    nothing = taps.new_zeros(config.residual_channels, config.gate_channels // 2)
    back = torch.stack([nothing if one.residual is None else one.residual.weight for one in stack.layers])
    skips = torch.stack(stack.skip.weight.chunk(len(stack.layers), 1))
    return PackedStack(
        padded(taps.to(dtype), residual, gate),
        padded(back.mT.to(dtype), gate, residual),
        padded(skips.mT.to(dtype), gate, skip),
        stack.skip.bias.float().clone(),
    )


def packed_product(linear: nn.Linear, dtype: torch.dtype) -> PackedProduct:
    """A linear map, in tiles."""
    depth, columns = (min(LARGEST_TILE, tile(n)) for n in (linear.in_features, linear.out_features))
    whole = -(-linear.in_features // depth) * depth, -(-linear.out_features // columns) * columns
    return PackedProduct(padded(linear.weight.t().to(dtype), *whole), linear.bias.float().clone(), depth, columns)
