"""The condition of a picture: a vector or a map, added to the features of every layer.

Axes: B batch, C channel, P plane, H W, D embedding.

A global condition gives one vector, added at every pixel: V^T h of van den Oord et al. 2016b, equation 4. A map is
brought to the picture's size by a small network and added where it stands: V ∗ s, s = m(h), equation 5, and 2016a §3.6.
Both are known before the first pixel, so no mask applies to them.

V ∗ s is computed layer by layer, as it is added: of all layers of a PixelCNN++ at once it is 80 MiB for a picture of
32 × 32 pixels, and its gradient as much. For a layer that is smaller than the picture, s is brought to its size by the
mean over the pixels of a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.conditioning import (
    Condition,
    ConditionConfig,
    check_condition,
    check_planes,
    without_dropped,
)
from models.cost import num_multiplications
from models.layers.condition_embedding import GlobalEmbedding
from models.layers.picture_field import seen_from


@dataclass(frozen=True)
class MapBias:
    """V ∗ s of one layer, and V^T h with it, [B, features, H, W] at the layer's size: computed when it is added.

    s       [B, D, H, W], the same for all layers of a size
    v       [features, D, 1, 1], the layer's own
    vector  [B, features, 1, 1], or None without a global condition
    """

    s: Tensor
    v: Tensor
    vector: Tensor | None

    def rows(self, chosen: slice) -> Tensor:
        """Some of its rows."""
        local = F.conv2d(self.s[:, :, chosen], self.v)
        return local if self.vector is None else self.vector + local


LayerBias = Tensor | MapBias | None
"""What is added to a layer's features: nothing, a vector's [B, features, 1, 1], or a map's."""


class PictureCondition(nn.Module):
    """A condition to one bias per layer.

    `features` has the width of each layer, `smaller` how many times smaller than the picture its map is. Raises
    ValueError for frames: a picture has none.
    """

    def __init__(self, config: ConditionConfig, features: Sequence[int], smaller: Sequence[int] | None = None) -> None:
        super().__init__()
        if config.has_local:
            raise ValueError(
                f"expected attributes, a vector or planes for a picture, got num_phones={config.num_phones} and "
                f"num_features={config.num_features}: frames condition waveforms; set both to 0"
            )
        self.config, self.features = config, tuple(features)
        self.smaller = tuple(smaller or [1] * len(features))
        if config.has_global:
            self.embed = GlobalEmbedding(config)
            self.to_layers = nn.Linear(config.channels, sum(features), bias=False)
        if config.has_planes:
            self.upsample = MapNetwork(config)
            self.map_to_layers = nn.Conv2d(config.channels, sum(features), 1, bias=False)

    def forward(self, condition: Condition | None, batch_size: int, size: tuple[int, int]) -> list[LayerBias]:
        """`size` is the picture's height and width. ValueError where the condition is not what the config asks for."""
        given = check_condition(self.config, condition, batch_size)
        vectors: Sequence[Tensor | None] = [None] * len(self.features)
        if self.config.has_global:
            vectors = self.to_layers(self.embed(given))[:, :, None, None].split(self.features, dim=1)
        if given.planes is None:
            return list(vectors)
        check_planes(given.planes, self.config.plane_factor, size)
        dropped = None if self.config.planes_of_item else given.dropped
        s = without_dropped(self.upsample(given.planes), dropped)
        of_size = {smaller: s if smaller == 1 else F.avg_pool2d(s, smaller) for smaller in self.smaller}
        weights = self.map_to_layers.weight.split(self.features)
        return [
            MapBias(of_size[smaller], v, vector)
            for vector, smaller, v in zip(vectors, self.smaller, weights, strict=True)
        ]

    def multiplications_per_pixel(self, num_pixels: int) -> float:
        """Products with weights: a pixel's share of what its item and its cell of a map take, and its own."""
        total = 0.0
        if self.config.has_global:
            total += num_multiplications(self.embed, self.to_layers) / num_pixels
        if self.config.has_planes:
            total += num_multiplications(self.upsample) / self.config.plane_factor**2
            shares = zip(self.features, self.smaller, strict=True)
            total += self.config.channels * sum(features / smaller**2 for features, smaller in shares)
        return total


class MapNetwork(nn.Module):
    """m(h): a 3×3 convolution over the cells, ReLU, a deconvolution that gives each cell's pixels.

    [B, P, H / factor, W / factor] to [B, D, H, W].
    """

    def __init__(self, config: ConditionConfig) -> None:
        super().__init__()
        self.around = nn.Conv2d(config.num_planes, config.channels, 3, padding=1)
        self.pixels = nn.ConvTranspose2d(config.channels, config.channels, config.plane_factor, config.plane_factor)

    def forward(self, planes: Tensor) -> Tensor:  # noqa: D102
        return self.pixels(F.relu(self.around(planes.to(self.around.weight.dtype))))  # type: ignore[no-any-return]


def cells_seen(field: Tensor, factor: int) -> Tensor:
    """[H / factor, W / factor] bool: the cells that a map's features at the pixels of a field [H, W] are made of."""
    height, width = field.shape
    cells = field.reshape(height // factor, factor, width // factor, factor).any(3).any(1)
    return seen_from(cells, [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)])


def plus(x: Tensor, bias: LayerBias) -> Tensor:
    """A layer's bias added to its features x [B, C, H, W]."""
    if bias is None:
        return x
    return x + (bias.rows(slice(None)) if isinstance(bias, MapBias) else bias)


def plus_row(x: Tensor, bias: LayerBias, row: int) -> Tensor:
    """The same for one row alone: what the bias is in this row, added to x [B, C, W]."""
    if bias is None:
        return x
    if isinstance(bias, MapBias):
        return x + bias.rows(slice(row, row + 1))[:, :, 0]
    return x + bias[:, :, min(row, bias.shape[2] - 1)]
