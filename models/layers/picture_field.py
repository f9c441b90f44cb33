"""Which pixels a pixel depends on, found by going back from it through a model's convolutions.

Axes: H W. A field is [H, W] bool: true at the pixels whose features are looked at.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from models.layers.masked_conv import Reach

Offset = tuple[int, int]
"""Rows and columns from the pixel that looks to the one that it sees: (-1, 2) is one row up, two columns right."""


def one_pixel(size: tuple[int, int], row: int, column: int) -> Tensor:
    """The field of nothing but a pixel."""
    field = torch.zeros(size, dtype=torch.bool)
    field[row, column] = True
    return field


def seen_from(field: Tensor, offsets: Iterable[Offset]) -> Tensor:
    """All that the pixels of a field see at these offsets, inside the picture."""
    height, width = field.shape
    seen = torch.zeros_like(field)
    for down, right in offsets:
        to = slice(max(0, down), height + min(0, down)), slice(max(0, right), width + min(0, right))
        at = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
        if abs(down) < height and abs(right) < width:
            seen[to] |= field[at]
    return seen


def seen_at_last(field: Tensor, offsets: Iterable[Offset]) -> Tensor:
    """A field with all that its pixels see at these offsets, all that those see, and so on: what a state depends on."""
    offsets, before = list(offsets), torch.zeros_like(field)
    while not torch.equal(field, before):
        before, field = field, field | seen_from(field, offsets)
    return field


def masked_offsets(reach: Reach, *, centre: bool) -> list[Offset]:
    """What a masked convolution sees: the rows above, the pixels to the left, and its centre where the mask lets it."""
    above = [(-up, right) for up in range(1, reach.up + 1) for right in range(-reach.left, reach.right + 1)]
    left = [(0, -pixels) for pixels in range(1, reach.left + 1)]
    return above + left + [(0, 0)] * centre


def seen_through_mask_a(field: Tensor, reach: Reach, num_colours: int) -> Tensor:
    """What a field sees through a first convolution, with the pixels themselves where there are colours before others.

    Mask A shows the colours before one's own: of another pixel, all but the last, and none where there is one.
    """
    return seen_from(field, masked_offsets(reach, centre=num_colours > 1))


def vertical_offsets(reach: Reach) -> list[Offset]:
    """What an unmasked convolution sees that ends in the row of its centre: that row and those above, side to side."""
    return [(-up, right) for up in range(reach.up + 1) for right in range(-reach.left, reach.right + 1)]


def without_itself(field: Tensor, row: int, column: int) -> Tensor:
    """A field without the pixel that looks: of that one a colour sees the colours before it, which is no pixel more."""
    field = field.clone()
    field[row, column] = False
    return field
