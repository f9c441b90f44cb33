"""1×1 products of mask B that leave out what the mask hides, instead of multiplying by its zeros.

Axes: B batch, C channel, H W, N pixels of all pictures.

Where features stand in the order of their colours, those that a colour sees are a prefix, and its weights a dense
block. Of three colours a third of all multiplications is hidden. A product of uneven width runs slower, which is why
narrow ones are left whole: at 128 features nothing is won on a CPU, and on a GPU, whose kernels want widths of whole
vectors, nothing at all.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.layers.precision import as_multiplied
from models.native import dense
from models.native.calls import library_of

WORTH_IT = 256
"""Features on both sides from which on it is faster: measured on a core with AVX-512, in decisions/0011."""


def worth_it(colours_in: Sequence[int], colours_out: Sequence[int], device: torch.device) -> bool:
    """Whether a product between features of these colours is faster by colour."""
    wide = min(len(colours_in), len(colours_out)) >= WORTH_IT
    in_order = list(colours_in) == sorted(colours_in) and list(colours_out) == sorted(colours_out)
    return wide and in_order and colours_out[-1] > 0 and device.type == "cpu"


def product_by_colour(
    x: Tensor, weight: Tensor, bias: Tensor, colours_in: Sequence[int], colours_out: Sequence[int]
) -> Tensor:
    """X [B, C_in, H, W] times the unmasked weight [C_out, C_in], plus the bias: [B, C_out, H, W], channels last."""
    x, weight, bias = as_multiplied(x, weight, bias)
    pixels = x.movedim(1, -1)
    ins, outs = runs(colours_in), runs(colours_out)
    rows = pixels.flatten(0, 2)
    product: Any = _FusedColourProducts if fits(rows, weight, outs) else _ColourProducts
    by_colour: Tensor = product.apply(rows, weight, bias, ins, outs)
    return by_colour.reshape(*pixels.shape[:3], -1).movedim(-1, 1)


def whole_vectors(width: int, x: Tensor) -> int:
    """A width of x in whole vectors of the kernels for it."""
    return library_of(x.dtype).padded(width)


def runs(colours: Sequence[int]) -> list[slice]:
    """Where the features of each colour stand."""
    ends = list(accumulate(colours.count(colour) for colour in range(max(colours) + 1)))
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def fits(rows: Tensor, weight: Tensor, outs: list[slice]) -> bool:
    """Whether kernels take it: where they take the whole, and the outputs of each colour are whole vectors."""
    return rows.dtype == weight.dtype and all(dense.fits(rows, weight[out], rows.dtype) for out in outs)


class _FusedColourProducts(torch.autograd.Function):
    """By kernels, which take whole vectors of inputs: of the last one what the mask hides is multiplied by zeros.

    So an infinite feature reaches those that may not see it, as it does where all of the mask's zeros are multiplied.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, ins: list[slice], outs: list[slice]) -> Tensor:
        seen = torch.zeros_like(weight)
        for o, i in zip(outs, ins, strict=True):
            seen[o, : i.stop] = weight[o, : i.stop]
        ctx.save_for_backward(x, seen)
        ends = [whole_vectors(i.stop, x) for i in ins]
        ctx.blocks = list(zip(outs, ins, [0, *ends], ends, strict=False))
        out = x.new_empty(len(x), len(weight))
        for o, _, _, end in ctx.blocks:
            dense.multiplied(x[:, :end], seen[o, :end].t(), bias[o], out[:, o])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor | None, ...]:
        x, seen = ctx.saved_tensors
        of_output = of_output.to(x.dtype).contiguous()
        of_x, of_weight = torch.empty_like(x), torch.zeros_like(seen)
        for o, i, start, end in ctx.blocks:
            dense.multiplied(of_output[:, o.start :], seen[o.start :, start:end], None, of_x[:, start:end])
            of_weight[o, : i.stop] = dense.weight_gradients(x[:, :end], of_output[:, o], with_bias=False)[0][
                :, : i.stop
            ]
        return of_x, of_weight, of_output.sum(0), None, None


class _ColourProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, ins: list[slice], outs: list[slice]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.blocks = list(zip(outs, ins, strict=True))
        return torch.cat([F.linear(x[:, : i.stop], weight[o, : i.stop], bias[o]) for o, i in ctx.blocks], 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        of_x = torch.cat([of_output[:, o.start :] @ weight[o.start :, i] for o, i in ctx.blocks], 1)
        of_weight = torch.zeros_like(weight)
        for o, i in ctx.blocks:
            of_weight[o, : i.stop] = of_output[:, o].t() @ x[:, : i.stop]
        return of_x, of_weight, of_output.sum(0), None, None
