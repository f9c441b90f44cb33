"""Masked 2-D convolutions: a pixel's colour sees only what is drawn before it.

Axes: B batch, C channel, H W.

Pixels are drawn row by row, and within a pixel colour by colour: R, then G given R, then B given both ("colour" is the
picture's own channel, whatever their number). Each feature map belongs to one colour. At the centre of a kernel the
features of colour c see those of colours < c (mask type A, the first layer) or ≤ c (type B, all later ones); rows above
and pixels to the left are seen by every colour (van den Oord et al. 2016a, §3.4).

The paper draws k×k kernels whose lower half is masked. Here that half does not exist: a kernel is the rows above and
the current one, so that only the current row's right part and the colours at the centre are left for a mask to hide.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, cast

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.layers.colour_products import product_by_colour, worth_it
from models.layers.linear import linear
from models.layers.precision import dtype_of_products
from models.native import convolution as native
from models.native.calls import suits

MaskType = Literal["A", "B"]


class Reach(NamedTuple):
    """How many pixels a kernel sees above, to the left and to the right of its centre."""

    up: int
    left: int
    right: int


POINT = Reach(0, 0, 0)
"""A 1×1 convolution."""


def around(kernel: int) -> Reach:
    """The causal half of a `kernel` × `kernel` square: rows above, and the current row up to the centre."""
    half = _half(kernel)
    return Reach(half, half, half)


def leftward(kernel: int) -> Reach:
    """The current row of that square alone, the horizontal stack's kernel: 1 × (kernel // 2 + 1)."""
    return Reach(0, _half(kernel), 0)


def _half(kernel: int) -> int:
    if kernel < 3 or kernel % 2 == 0:
        raise ValueError(f"expected an odd kernel size of 3 or more (it has a centre pixel), got {kernel}")
    return kernel // 2


def colour_of_each(num_features: int, num_colours: int) -> list[int]:
    """The colour that each feature map belongs to: contiguous runs as equal as they can be, in the order of colours.

    What does not divide goes to the first colours, one map each: 128 maps of 3 colours are 43, 43 and 42. The first
    colours are the ones that every later colour sees. The K logits of each colour follow the same rule, as `by_colour`
    reads them; a gated unit has this list twice, once for each half.
    """
    if not 1 <= num_colours <= num_features:
        raise ValueError(f"expected 1 colour or more and a feature map for each, got {num_colours} and {num_features}")
    whole, remainder = divmod(num_features, num_colours)
    return [colour for colour in range(num_colours) for _ in range(whole + (colour < remainder))]


def by_colour(logits: Tensor, num_colours: int) -> Tensor:
    """[B, C · K, H, W], each colour's K together, to [B, C, H, W, K]."""
    colours: Tensor = logits.unflatten(1, (num_colours, -1))
    return colours.movedim(2, -1)


class MaskedConv2d(nn.Module):
    """A convolution over the rows above and the current one, masked: [B, C_in, H, W] to [B, C_out, H, W].

    `colours_in` and `colours_out` give the colour of each feature map. Outside the picture stand zeros.
    The mask is applied when the convolution is called and the weights are never written to: momentum, weight decay,
    averages and sharding see an ordinary parameter, and nothing that they do to a hidden weight can be seen outside.
    """

    mask: Tensor

    def __init__(
        self, colours_in: Sequence[int], colours_out: Sequence[int], reach: Reach, mask_type: MaskType
    ) -> None:
        super().__init__()
        self.colours_in, self.colours_out = tuple(colours_in), tuple(colours_out)
        self.reach, self.mask_type = reach, mask_type
        kernel = (reach.up + 1, reach.left + 1 + reach.right)
        initial = nn.Conv2d(len(colours_in), len(colours_out), kernel)
        self.weight = initial.weight  # torch's own start, uniform
        self.bias = nn.Parameter(torch.zeros(len(colours_out)))
        self.register_buffer("mask", self._mask(), persistent=False)

    def _mask(self) -> Tensor:
        seen, by = torch.tensor(self.colours_in)[None, :], torch.tensor(self.colours_out)[:, None]
        mask = torch.ones_like(self.weight)
        mask[:, :, -1, self.reach.left + 1 :] = 0
        mask[:, :, -1, self.reach.left] = (seen < by) if self.mask_type == "A" else (seen <= by)
        return mask

    def masked_weight(self) -> Tensor:
        """The weights with zeros where the mask hides."""
        return as_it_lies(self.weight) * self.mask

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if self.reach != POINT:
            return padded_conv(x, self.masked_weight(), self.bias, self.reach, self.reach.right)
        if self.mask_type == "B" and worth_it(self.colours_in, self.colours_out, x.device):
            return product_by_colour(x, self.weight.flatten(1), self.bias, self.colours_in, self.colours_out)
        return product(x, self.masked_weight().flatten(1), self.bias)


def with_channels_last(x: Tensor) -> Tensor:
    """Maps that lie pixel by pixel, as layers make them from there on and kernels take them (decisions/0011).

    A copy: those of one channel lie so already, but with strides by which a convolution would take them for the other.
    """
    return x.clone(memory_format=torch.channels_last)


def padded_conv(x: Tensor, weight: Tensor, bias: Tensor | None, reach: Reach, num_hidden: int = 0) -> Tensor:
    """A convolution that sees as far as `reach`, zeros outside the picture.

    So many last pixels of the current row are hidden, their weights zero: a kernel leaves them out.
    """
    dtype, columns = dtype_of_products(weight), reach.left + 1 + reach.right
    belongs = suits(bias, weight) and weight.shape[2:] == (reach.up + 1, columns)
    if belongs and dtype_of_products(x) == dtype and native.fits(x, weight, dtype):
        taps = native.Taps.around(reach.up, reach.left, columns, (reach.up + 1) * columns - num_hidden)
        return native.convolution(x.to(dtype), weight, bias, taps)
    return F.conv2d(F.pad(x, (reach.left, reach.right, reach.up, 0)), weight, bias)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A 1×1 convolution of x [B, C_in, H, W] with [C_out, C_in]: for maps with channels last a plain product."""
    if x.is_contiguous(memory_format=torch.channels_last):
        return linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)
    return F.conv2d(x, weight[:, :, None, None], bias)


def as_it_lies(weight: Tensor) -> Tensor:
    """A weight whose gradient lies in memory as it does itself: that of maps with channels last would not.

    Data parallel training warns of it, where a gradient can be put in the place of its sum only by going around.
    """
    return weight.flatten().view(weight.shape)


def masked_points(*colours: Sequence[int]) -> Sequence[MaskedConv2d]:
    """1×1 convolutions of mask B, from the first list of features through each of the next: a ModuleList."""
    points = nn.ModuleList(MaskedConv2d(before, after, POINT, "B") for before, after in pairwise(colours))
    return cast(Sequence[MaskedConv2d], points)


class VerticalConv2d(nn.Module):
    """The vertical stack's convolution: (kernel // 2 + 1) rows × kernel, down to the current row and with all of it.

    [B, C_in, H, W] to [B, C_out, H, W]. Nothing is masked: what it gives at a row depends on all of that row, so a
    pixel must take it from the row above its own (`shift_down`). Source: van den Oord et al. 2016b, §2.2.
    """

    def __init__(self, features_in: int, features_out: int, kernel: int) -> None:
        super().__init__()
        self.reach = around(kernel)
        self.conv = nn.Conv2d(features_in, features_out, (self.reach.up + 1, kernel))

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return padded_conv(x, as_it_lies(self.conv.weight), self.conv.bias, self.reach)


def shift_down(x: Tensor) -> Tensor:
    """Each row moved to the one below, zeros into the first: row r of the result is row r - 1 of x [B, C, H, W]."""
    return _ShiftDown.apply(x)  # type: ignore[no-untyped-call,no-any-return]


class _ShiftDown(torch.autograd.Function):
    """Autograd's own gradient of a slice is a map in another layout, and adding to it takes ten times as long."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :-1], (0, 0, 1, 0))

    @staticmethod
    def backward(_: Any, of_shifted: Tensor) -> Tensor:
        return F.pad(of_shifted[:, :, 1:], (0, 0, 0, 1))
