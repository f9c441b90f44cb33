"""Masked convolutions along the current row, as a dense block of weights for each colour.

The features of a colour see a prefix of a pixel's features (`models/drawn/conv.py`), so their weights are a block that
no mask is in. A group of features is written in whole vectors; the zeros past its end are the next colour's to
overwrite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from models.layers.masked_conv import MaskedConv2d
from models.native.library import Library
from models.native.packing import gate_order, halves_padded, padded, panels
from models.native.picture_structs import MOST_COLOURS, ColourGroupStruct
from models.native.structs import address


@dataclass(frozen=True)
class Kernel:
    """A level's kernels for products of one precision."""

    library: Library
    dtype: torch.dtype

    def even(self, width: int) -> int:
        """A depth in whole pairs, where products are made of pairs."""
        return width + width % 2 if self.dtype == torch.bfloat16 else width

    def call(self, name: str) -> Any:
        """A function of this precision."""
        return getattr(self.library.calls, f"ancestral_{name}_{str(self.dtype).removeprefix('torch.')}")


@dataclass(frozen=True)
class Group:
    """The features of one colour: where they begin, how many there are, and how wide they are written."""

    start: int
    number: int
    width: int


def groups_of(colours: Sequence[int], library: Library) -> list[Group]:
    """The runs of features of each colour, in order."""
    sizes = [list(colours).count(colour) for colour in range(max(colours) + 1)]
    starts = list(accumulate(sizes, initial=0))[:-1]
    return [Group(start, size, library.padded(size)) for start, size in zip(starts, sizes, strict=True)]


def buffer_width(groups: Sequence[Group], library: Library) -> int:
    """Of features side by side, with room for what the last groups write past their ends."""
    return library.padded(max(group.start + group.width for group in groups))


def by_groups(x: Tensor, groups: Sequence[Group], library: Library) -> Tensor:
    """[..., 2h], filters then gates, to each colour's own as its panels have them, one colour after another."""
    signal, opening = x.chunk(2, -1)
    parts = []
    for group in groups:
        own = slice(group.start, group.start + group.number)
        both = halves_padded(torch.cat([signal[..., own], opening[..., own]], -1), group.width)
        parts.append(both[..., gate_order(group.width, library)])
    return torch.cat(parts, -1).contiguous()


def filled_groups(x: Tensor, groups: Sequence[Group]) -> Tensor:
    """[..., h] to each colour's own in whole vectors, one colour after another."""
    own = [x[..., group.start : group.start + group.number] for group in groups]
    return torch.cat([padded(part, -1, group.width) for part, group in zip(own, groups, strict=True)], -1).contiguous()


class ColourBlocks:
    """The blocks of one convolution; `row_width` is that of a pixel's inputs as they lie in memory."""

    def __init__(self, kernel: Kernel, row_width: int) -> None:
        self.kernel, self.row_width = kernel, row_width
        self.structs: list[ColourGroupStruct] = []
        self.held: list[Tensor | None] = []

    def gated(self, conv: MaskedConv2d, groups: Sequence[Group]) -> "ColourBlocks":
        """Filters and gates of each colour; what they begin with comes from the rows above."""
        for colour, group in enumerate(groups):
            rows, seen = self.rows(conv, colour)
            self.add(by_groups(rows, groups, self.kernel.library)[:, self.columns(groups, colour)], seen, group, None)
        return self

    def plain(self, conv: MaskedConv2d, groups: Sequence[Group], beyond: float = 0.0) -> "ColourBlocks":
        """The features of each colour and their bias; `beyond` is the bias of what only fills up a vector."""
        for colour, group in enumerate(groups):
            rows, seen = self.rows(conv, colour)
            own = slice(group.start, group.start + group.number)
            bias = torch.full((group.width,), beyond)
            bias[: group.number] = conv.bias.detach()[own]
            self.add(padded(rows[:, own], 1, group.width), seen, group, bias)
        return self

    def columns(self, groups: Sequence[Group], colour: int) -> slice:
        """Where `by_groups` has a colour."""
        start = sum(2 * group.width for group in groups[:colour])
        return slice(start, start + 2 * groups[colour].width)

    def rows(self, conv: MaskedConv2d, colour: int) -> tuple[Tensor, int]:
        """What a colour's features see: pixels to the left, then a prefix of the pixel's own; and how long that is."""
        weight = conv.masked_weight().detach()[:, :, -1, : conv.reach.left + 1].permute(2, 1, 0)  # [taps, in, out]
        highest = colour if conv.mask_type == "B" else colour - 1
        seen = self.kernel.even(sum(owner <= highest for owner in conv.colours_in))
        left, own = padded(weight[:-1], 1, self.row_width).flatten(0, 1), padded(weight[-1], 0, self.row_width)[:seen]
        return torch.cat([left, own]), seen

    def add(self, rows: Tensor, seen: int, group: Group, bias: Tensor | None) -> None:
        """Pack a block."""
        weights = panels(rows, self.kernel.library, self.kernel.dtype)
        self.structs.append(ColourGroupStruct(group.start, group.width, seen, address(weights), address(bias)))
        self.held += [weights, bias]

    def array(self) -> Any:
        """As a struct holds them."""
        return (ColourGroupStruct * MOST_COLOURS)(*self.structs)
