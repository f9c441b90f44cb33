"""What the kernels of all networks of pictures have in common: the head, the draws, and where conditions are added.

Axes: B lane, C colour, H W, K levels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from ctypes import Structure, byref
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.layers.masked_conv import MaskedConv2d
from models.native.colour_blocks import ColourBlocks, Kernel, buffer_width, groups_of
from models.native.picture_structs import HeadStruct, PictureRowStruct, PicturesStruct
from models.native.structs import address
from models.native.wavenet import FAR_BELOW, Span


class BiasSlot(NamedTuple):
    """Where what conditions a layer is written.

    `out` [1 or W·B, ...] is what the kernel adds, `own` [...] the layer's own bias. `in_order` brings what is added,
    [..., features], into the kernel's order. `is_above`: added at the row that is finished, not at the one below it.
    """

    out: Tensor
    own: Tensor
    in_order: Callable[[Tensor], Tensor]
    is_above: bool


class PictureSize(NamedTuple):
    """How many pictures are drawn side by side, and how wide they are."""

    num_lanes: int
    columns: int


class PictureHead:
    """Point convolutions from the features to the logits, each over the positive part of what is before it."""

    def __init__(self, convs: Sequence[MaskedConv2d], size: PictureSize, kernel: Kernel) -> None:
        library, self.size = kernel.library, size
        inputs = [groups_of(conv.colours_in, library) for conv in convs]
        widths = [buffer_width(groups, library) for groups in inputs]
        self.inputs = [torch.zeros(size.num_lanes, width, dtype=kernel.dtype) for width in widths]
        self.blocks = [
            ColourBlocks(kernel, width).plain(conv, groups_of(conv.colours_out, library), beyond)
            for conv, width, beyond in zip(convs, widths, [0.0] * (len(convs) - 1) + [FAR_BELOW], strict=True)
        ]
        structs = [
            HeadStruct(address(buffer), width, blocks.array())
            for buffer, width, blocks in zip(self.inputs, widths, self.blocks, strict=True)
        ]
        self.structs = (HeadStruct * len(structs))(*structs)
        self.logits_width = groups_of(convs[-1].colours_out, library)[0].width
        self.wide = torch.zeros(size.num_lanes, self.logits_width)
        self.scratch = torch.zeros(3 * self.logits_width, dtype=torch.float64)

    def struct(self, num_colours: int, num_levels: int) -> PicturesStruct:
        """As networks begin with it."""
        sizes = num_colours, self.size.columns, self.size.num_lanes, num_levels, len(self.structs)
        return PicturesStruct(*sizes, self.structs, address(self.wide), address(self.scratch))


class NativePictures(ABC):
    """A network over B lanes that draw one picture each, all in step."""

    name: str
    """Of its kernels."""

    struct: Structure
    bias_slots: list[BiasSlot]
    """In the order in which the model gives its layers' biases."""

    def __init__(self, head: PictureHead, kernel: Kernel, num_colours: int, num_levels: int) -> None:
        self.head, self.kernel, self.size = head, kernel, head.size
        self.num_colours, self.num_levels = num_colours, num_levels
        self.keys = torch.zeros(self.size.num_lanes, 2, dtype=torch.int32)
        self.temperatures = torch.ones(self.size.num_lanes)
        self.views: dict[tuple[int, int], tuple[Structure, Any]] = {}  # of single pixels (`pixel_views.py`)

    @property
    @abstractmethod
    def maps(self) -> list[Tensor]:
        """The rows that layers look at, of which none lies above the first."""

    @property
    @abstractmethod
    def offsets(self) -> list[Tensor]:
        """What the rows above add to the one that is drawn next."""

    @property
    def memory(self) -> dict[str, Tensor]:
        """What it carries from row to row; it stays where it is."""
        named = {"map": self.maps, "offsets": self.offsets}
        return {f"{name}{number}": tensor for name, parts in named.items() for number, tensor in enumerate(parts)}

    def reset(self) -> None:
        """The next pictures begin."""
        for rows in self.maps:
            rows.zero_()

    def start(self, lane: int, key: tuple[int, int], temperature: float) -> None:
        """A picture begins in a lane."""
        self.keys[lane] = torch.tensor(key, dtype=torch.int64).to(torch.int32)
        self.temperatures[lane] = temperature

    @abstractmethod
    def begin(self) -> None:
        """All lanes are at their first row, whose biases are written: nothing lies above it."""

    def draw_row(self, row: int, given: Tensor | None = None, *, with_parameters: bool = False) -> Span:
        """The levels [W·C, B] of a row; `given` [W·C, B] int32 are those that are kept."""
        shape = self.size.columns * self.num_colours, self.size.num_lanes
        levels, nll_nats = torch.empty(shape, dtype=torch.int32), torch.empty(shape, dtype=torch.float64)
        parameters = torch.empty(*shape, self.head.logits_width) if with_parameters else None
        parts = (self.keys, self.temperatures, given, levels, nll_nats, parameters)
        struct = PictureRowStruct(row, *(address(part) for part in parts))
        self.kernel.call(f"{self.name}_draw_row")(byref(self.struct), byref(struct))
        return Span(levels, nll_nats, None if parameters is None else parameters[..., : self.num_levels])

    def finish_row(self, row: int) -> None:
        """Compute what a row that is drawn gives the one below; the biases are those of these two rows."""
        self.kernel.call(f"{self.name}_finish_row")(byref(self.struct), row)
