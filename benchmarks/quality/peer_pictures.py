"""The picture peers: the papers' baselines as they are commonly written in torch, and nothing of ours in them.

PixelCNN (van den Oord, Kalchbrenner, Kavukcuoglu 2016a, Figure 5 left, Table 1) and Gated PixelCNN (van den Oord et al.
2016b, Figure 2): k×k kernels whose lower half a mask holds at zero, torch's own start, a constant rate, no clipping, no
average; RMSProp and batch 16 as in 2016a. Neither paper says the learning rate ("set by hand"): it is the best of
.0003, .001 and .003 for a gated network in `benchmarks.quality.choices`.

Axes: B batch, C channel (colour), H W, K levels.
"""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from benchmarks.quality.racers import PeerNetwork, PublishedTraining

TRAINING = PublishedTraining(lambda parameters: torch.optim.RMSprop(parameters, lr=3e-3))


class Masked(nn.Conv2d):
    """A convolution of `size` that sees pixels drawn before, and of its own pixel the colours < (A) or ≤ (B) its own.

    Feature i of n belongs to colour i · C // n. `size` 1 × k is the horizontal stack's.
    """

    mask: Tensor

    def __init__(self, into: int, out: int, size: tuple[int, int], kind: Literal["A", "B"], colours: int) -> None:
        super().__init__(into, out, size, padding=(size[0] // 2, size[1] // 2))
        row, column = size[0] // 2, size[1] // 2
        mask = torch.ones_like(self.weight)
        mask[:, :, row + 1 :] = 0
        mask[:, :, row, column + 1 :] = 0
        by, seen = (torch.arange(number) * colours // number for number in (out, into))
        mask[:, :, row, column] = (seen < by[:, None]) if kind == "A" else (seen <= by[:, None])
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        seen: Tensor = self._conv_forward(x, self.weight * self.mask, self.bias)
        return seen


class PlainPictures(PeerNetwork):
    """What both share: the first features, a stack, 1×1 layers of so many features each, K logits of each colour."""

    def __init__(self, num_levels: int, colours: int, width: int, head: Sequence[int]) -> None:
        super().__init__(num_levels)
        self.colours = colours
        points = [Masked(*ends, (1, 1), "B", colours) for ends in pairwise([width, *head, colours * num_levels])]
        self.head = nn.Sequential(*(layer for point in points for layer in (nn.ReLU(), point)))

    def logits(self, x: Tensor) -> Tensor:  # noqa: D102
        inputs = x.to(next(self.parameters()).dtype) * (2 / (self.distribution.num_levels - 1)) - 1
        by_colour: Tensor = self.head(self.stack(inputs)).unflatten(1, (self.colours, -1))
        return by_colour.movedim(2, -1)

    @abstractmethod
    def stack(self, inputs: Tensor) -> Tensor:
        """Pictures [B, C, H, W] to features [B, width, H, W]."""


class PlainPixelCNN(PlainPictures):
    """7×7 A to 2h; residual blocks 1×1, 3×3, 1×1 of mask B, each after a ReLU; two 1×1 layers before the logits."""

    def __init__(self, num_levels: int, colours: int, hidden: int, head: int, layers: int) -> None:
        super().__init__(num_levels, colours, 2 * hidden, (head, head))
        self.first = Masked(colours, 2 * hidden, (7, 7), "A", colours)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(), Masked(2 * hidden, hidden, (1, 1), "B", colours),
                nn.ReLU(), Masked(hidden, hidden, (3, 3), "B", colours),
                nn.ReLU(), Masked(hidden, 2 * hidden, (1, 1), "B", colours),
            )
            for _ in range(layers)
        )  # fmt: skip

    def stack(self, inputs: Tensor) -> Tensor:  # noqa: D102
        features: Tensor = self.first(inputs)
        for block in self.blocks:
            features = features + block(features)
        return features


class PlainGatedLayer(nn.Module):
    """Both stacks once. The vertical one sees all colours of all rows above, and hands over one row down."""

    def __init__(self, into: int, hidden: int, kernel: int, kind: Literal["A", "B"], colours: int) -> None:
        super().__init__()
        self.kind, rows = kind, kernel // 2 + 1
        self.pad = nn.ZeroPad2d((kernel // 2, kernel // 2, rows - 1, 0))
        self.vertical = nn.Conv2d(into, 2 * hidden, (rows, kernel))
        self.down = nn.Conv2d(2 * hidden, 2 * hidden, 1)
        # Each half of a gate has the colours in order: one masked convolution for each.
        self.across = nn.ModuleList(Masked(into, hidden, (1, kernel), kind, colours) for _ in range(2))
        self.out = Masked(hidden, hidden, (1, 1), "B", colours)

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        above = self.vertical(self.pad(v))
        signal, opening = above.chunk(2, 1)
        moved = self.down(nn.functional.pad(above, (0, 0, 1, -1)))
        horizontal = torch.cat([across(h) for across in self.across], 1) + moved
        h_signal, h_opening = horizontal.chunk(2, 1)
        out = self.out(h_signal.tanh() * h_opening.sigmoid())
        return signal.tanh() * opening.sigmoid(), out if self.kind == "A" else h + out


class PlainGatedPixelCNN(PlainPictures):
    """A first layer of 7×7 and mask A, then layers of 3×3 and mask B."""

    def __init__(self, num_levels: int, colours: int, hidden: int, head: int, layers: int) -> None:
        super().__init__(num_levels, colours, hidden, (head,))
        later = [PlainGatedLayer(hidden, hidden, 3, "B", colours) for _ in range(layers - 1)]
        self.layers = nn.ModuleList([PlainGatedLayer(colours, hidden, 7, "A", colours), *later])

    def stack(self, inputs: Tensor) -> Tensor:  # noqa: D102
        v = h = inputs
        for layer in self.layers:
            v, h = layer(v, h)
        return h
