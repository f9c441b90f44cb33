"""Pictures' weights as the kernels read them, and the rows that layers look at.

Axes: B lane, C colour, W column, K N of a product.

Features lie side by side as in the model. Those of one colour are written and read as a tile of `tile(number)`, masked
to their number; what is summed over is filled up with zeros to whole `depth`s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.layers.masked_conv import MaskedConv2d
from models.sampling.gpu.packing import LARGEST_TILE, PackedProduct, padded, tile


class Group(NamedTuple):
    """The features of one colour: where they begin, and how many there are."""

    start: int
    number: int

    @property
    def own(self) -> slice:
        """Where they stand."""
        return slice(self.start, self.start + self.number)


def groups_of(colours: Sequence[int]) -> list[Group]:
    """The runs of features of each colour, in order."""
    return [
        Group(sum(other < colour for other in colours), list(colours).count(colour)) for colour in sorted(set(colours))
    ]


def widest(groups: Sequence[Group]) -> int:
    """The tile that holds the features of any one colour."""
    return tile(max(group.number for group in groups))


def whole(width: int, depth: int) -> int:
    """A number of features in whole `depth`s."""
    return -(-width // depth) * depth


def filled(x: Tensor, axis: int, width: int) -> Tensor:
    """Zeros after the end of an axis, up to `width`."""
    return F.pad(x, [0, 0] * (x.ndim - 1 - axis % x.ndim) + [0, width - x.shape[axis]])


def picture_depth(width: int) -> int:
    """How many of so many features are multiplied at once."""
    return min(LARGEST_TILE, tile(width))


@torch.no_grad()
def rows_weights(weight: Tensor, depth: int, columns: int) -> Tensor:
    """A convolution [C_out, C_in, rows, columns] over finished rows to [rows · columns · W_K, W_N], W_N a multiple."""
    by_pixel = weight.detach().permute(2, 3, 1, 0)  # [rows, columns, in, out]
    packed = filled(filled(by_pixel, 2, whole(weight.shape[1], depth)), 3, whole(weight.shape[0], columns))
    return packed.flatten(0, 2).contiguous()


@torch.no_grad()
def colour_weights(conv: MaskedConv2d, colour: int, depth: int, halves: int = 1) -> Tensor:
    """What one colour's features see along the current row, [left · W_K + W_K + W_IN, halves · W_OUT] (`along_row`).

    `halves` is 2 where a gate halves the features: the colour's own in each half, side by side.
    """
    weight = conv.masked_weight()[:, :, -1, : conv.reach.left + 1].permute(2, 1, 0)  # [pixels, in, out]
    groups_in, groups_out = groups_of(conv.colours_in), groups_of(conv.colours_out[: len(conv.colours_out) // halves])
    parts = [half[..., groups_out[colour].own] for half in weight.chunk(halves, -1)]
    columns = torch.cat([filled(part, -1, widest(groups_out)) for part in parts], -1)
    own, width = groups_in[colour], whole(weight.shape[1], depth)
    earlier = filled(columns[-1, : own.start], 0, width)
    present = columns[-1, own.own]  # zeros where mask A hides them
    if conv.mask_type == "A":
        return torch.cat([filled(columns[:-1], 1, width).flatten(0, 1), earlier])
    return torch.cat([filled(columns[:-1], 1, width).flatten(0, 1), earlier, filled(present, 0, widest(groups_in))])


def colour_product(conv: MaskedConv2d, colour: int, dtype: torch.dtype) -> PackedProduct:
    """A point convolution of the head for one colour, over all features that it sees."""
    seen, out = groups_of(conv.colours_in)[colour], groups_of(conv.colours_out)[colour]
    weight = conv.weight.detach()[out.own, : seen.start + seen.number, 0, 0].t()
    depth, columns = (picture_depth(size) for size in weight.shape)
    sizes = whole(weight.shape[0], depth), whole(weight.shape[1], columns)
    bias = conv.bias.detach()[out.own].float().clone()
    return PackedProduct(padded(weight.to(dtype), *sizes), bias, depth, columns)


@dataclass(frozen=True)
class Rows:
    """The size of a ring of rows: `columns` with their borders, `width` features each; `left` pixels are looked at."""

    slots: int
    columns: int
    left: int
    width: int

    def num_cells(self, num_lanes: int) -> int:
        """Numbers that it takes."""
        return self.slots * self.columns * self.width * num_lanes


class Cells:
    """Rings of rows in one tensor, zero at first, and the plan of them [.., 6] that kernels read."""

    def __init__(
        self, rings: Sequence[Rows], num_lanes: int, dtype: torch.dtype, blocks: Sequence[Tensor], first: int = 0
    ) -> None:
        """`blocks` are each ring's weights; `first` of them lie elsewhere, the others one behind the other."""
        sizes = [ring.num_cells(num_lanes) for ring in rings]
        device = blocks[0].device
        self.value = torch.zeros(sum(sizes), dtype=dtype, device=device)
        self.parts = self.value.split(sizes)
        plan, row = [], 0
        for number, (ring, part) in enumerate(zip(rings, self.parts, strict=True)):
            plan.append((part.storage_offset(), ring.slots, ring.columns, ring.left, ring.width, row))
            row += len(blocks[number]) if number >= first else 0
        self.plan = torch.tensor(plan, dtype=torch.int64, device=device)
