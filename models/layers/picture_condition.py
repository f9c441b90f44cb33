"""The condition of a picture: a vector or a map, added to the features of every layer.

Axes: B batch, C channel, P plane, H W, D embedding.

A global condition gives one vector, added at every pixel: V^T h of van den Oord et al. 2016b, equation 4. A map is
brought to the picture's size by a small network and added where it stands: V ∗ s, s = m(h), equation 5, and 2016a §3.6.
Both are known before the first pixel, so no mask applies to them.
"""

from collections.abc import Sequence

import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.conditioning import (
    Condition,
    ConditionConfig,
    GlobalEmbedding,
    check_condition,
    check_planes,
    without_dropped,
)
from models.cost import num_multiplications
from models.layers.picture_field import seen_from


class PictureCondition(nn.Module):
    """A condition to one bias per layer, [B, features, 1 or H, 1 or W] each; None each for an unconditional model.

    Raises ValueError for frames: a picture has none.
    """

    def __init__(self, config: ConditionConfig, features: Sequence[int]) -> None:
        super().__init__()
        if config.has_local:
            raise ValueError(
                f"expected attributes, a vector or planes for a picture, got num_phones={config.num_phones} and "
                f"num_features={config.num_features}: frames condition waveforms; set both to 0"
            )
        self.config, self.features = config, tuple(features)
        if config.has_global:
            self.embed = GlobalEmbedding(config)
            self.to_layers = nn.Linear(config.channels, sum(features), bias=False)
        if config.has_planes:
            self.upsample = MapNetwork(config)
            self.map_to_layers = nn.Conv2d(config.channels, sum(features), 1, bias=False)

    def forward(self, condition: Condition | None, batch_size: int, size: tuple[int, int]) -> list[Tensor | None]:
        """`size` is the picture's height and width. ValueError where the condition is not what the config asks for."""
        given = check_condition(self.config, condition, batch_size)
        bias: Tensor | None = None
        if self.config.has_global:
            bias = self.to_layers(self.embed(given))[:, :, None, None]
        if given.planes is not None:
            check_planes(given.planes, self.config.plane_factor, size)
            dropped = None if self.config.planes_of_item else given.dropped
            local = self.map_to_layers(without_dropped(self.upsample(given.planes), dropped))
            bias = local if bias is None else bias + local
        return [None for _ in self.features] if bias is None else list(bias.split(self.features, dim=1))

    def multiplications_per_pixel(self, num_pixels: int) -> float:
        """Products with weights: a pixel's share of what its item and its cell of a map take, and its own."""
        total = 0.0
        if self.config.has_global:
            total += num_multiplications(self.embed, self.to_layers) / num_pixels
        if self.config.has_planes:
            total += num_multiplications(self.upsample) / self.config.plane_factor**2
            total += num_multiplications(self.map_to_layers)
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


def plus(x: Tensor, bias: Tensor | None) -> Tensor:
    """A layer's bias added to its features x [B, C, H, W]."""
    return x if bias is None else x + bias


def plus_row(x: Tensor, bias: Tensor | None, row: int) -> Tensor:
    """The same for one row alone: what the bias is in this row, added to x [B, C, W]."""
    return x if bias is None else x + bias[:, :, min(row, bias.shape[2] - 1)]
