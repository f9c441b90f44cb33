"""One gated layer of WaveNet in training: its products as matrix products over all timesteps, its gradient written out.

Axes: B batch, T timestep, R residual, G gate (filter half, then gate half), H = G/2, J tap, k taps.

With X [B·T, k·R] the taps of x side by side, W [k·R, G], b and c the layer's bias and what its condition adds, and V
[H, R] the residual connection:

    P = X W + b + c        f = tanh(P_filter)        g = σ(P_gate)        z = f ⊙ g        y = x + z V

Given ∂z of the skip connections and ∂y of the next layer, the gradient of the loss is

    ∂z' = ∂z + ∂y Vᵀ       ∂P = [∂z' ⊙ g ⊙ (1 - f²), ∂z' ⊙ f ⊙ g ⊙ (1 - g)]
    ∂V = zᵀ ∂y             ∂W = Xᵀ ∂P           ∂b = Σ_BT ∂P           ∂c = Σ ∂P over the timesteps that share it
    ∂x[t] = ∂y[t] + Σ_j (∂P W_jᵀ)[t + (k - 1 - j)·dilation]

which is what autograd finds, in fewer passes over memory: sums go into the products that end in them, halves are not
filled up with zeros, and the stream stays in the precision that it comes in (decisions/0010). It is taken once; a
gradient of the gradient is an error.
"""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.layers.precision import as_multiplied, dtype_of_products
from models.layers.side_by_side import Part
from models.native import training as native


class GatedWeights(NamedTuple):
    """W [k, R, G], b [G] and Vᵀ [R, H], which the last layer of a stack has not."""

    taps: Tensor
    bias: Tensor
    residual: Tensor | None


def gated_convolution(
    x: Tensor, weights: GatedWeights, dilation: int, added: list[Tensor], room: Part | None = None
) -> tuple[Tensor, Tensor]:
    """Input x [B, T, R] and what is added to the gates, each [B, N, 1, G] (N | T), to z [B, T, H] and y [B, T, R].

    z has the precision that products are made in, y that of x. Without a residual connection y is x. A kernel writes z
    where there is `room` for it.
    """
    dtype, half = dtype_of_products(weights.taps), weights.taps.shape[2] // 2
    layer: Any = partial(_FusedLayer.apply, room) if native.fits(x, dtype, half) else _GatedConvolution.apply
    z, *y = layer(x, dilation, *weights, *added)
    return z, y[0] if y else x


class _FusedLayer(torch.autograd.Function):
    """The same by a kernel, in fewer passes over memory: its sums are activated and added before they are rounded."""

    @staticmethod
    def forward(
        ctx: Any,
        room: Part | None,
        x: Tensor,
        dilation: int,
        weight: Tensor,
        bias: Tensor,
        residual: Tensor | None,
        *added: Tensor,
    ) -> tuple[Tensor, ...]:
        x, place = x.contiguous(), None if room is None else room.tensor()
        activations, z, y = native.forward(x, weight, biases_of(bias, added, x.shape[0]), residual, dilation, place)
        ctx.dilation, ctx.shapes, ctx.added_dtypes = dilation, [one.shape for one in added], [a.dtype for a in added]
        ctx.save_for_backward(x, activations, z, weight, bias, residual)
        return (z,) if y is None else (z, y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_z: Tensor, of_y: Tensor | None = None) -> tuple[Tensor | None, ...]:
        x, activations, z, weight, bias, residual = ctx.saved_tensors
        saved, with_input = native.Activated(activations, z, None), ctx.needs_input_grad[1]
        of_y = None if residual is None else of_y
        gradients = native.backward(x, weight, residual, ctx.dilation, saved, (of_z, of_y), with_input=with_input)
        of_added = [
            gradients.of_gates.unflatten(1, (shape[1], -1)).sum(2, keepdim=True).sum_to_size(shape).to(dtype)
            for shape, dtype in zip(ctx.shapes, ctx.added_dtypes, strict=True)
        ]
        of_weights = [
            None if of is None else of.to(one.dtype)
            for of, one in zip(gradients.of_weights, (weight, bias, residual), strict=True)
        ]
        return None, gradients.of_x, None, *of_weights, *of_added


def biases_of(bias: Tensor, added: tuple[Tensor, ...], batch_size: int) -> Tensor:
    """The layer's own bias and all that is added to it, [rows, G] in float32: one row, or as many for each item."""
    if not added:
        return bias.float()[None]
    num_stretches = max(one.shape[1] for one in added)
    total = bias.float()
    for one in added:
        total = total + one.float().repeat_interleave(num_stretches // one.shape[1], 1)
    return total.expand(batch_size, -1, -1, -1).flatten(0, 2)


class _GatedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, dilation: int, weight: Tensor, bias: Tensor, residual: Tensor | None, *added: Tensor
    ) -> tuple[Tensor, ...]:
        inputs, taps, own_bias = as_multiplied(x, weight, bias)
        columns = side_by_side(inputs, len(weight), dilation)
        gates = torch.addmm(own_bias, columns.flatten(0, 1), taps.flatten(0, 1)).view(*x.shape[:2], -1)
        for one in added:
            gates.unflatten(1, (one.shape[1], -1)).add_(one)
        filtered, opening = gates.chunk(2, -1)
        signal, opened = tanh(filtered), opening.sigmoid()
        z = signal * opened
        ctx.dilation, ctx.shapes, ctx.added_dtypes = dilation, [one.shape for one in added], [a.dtype for a in added]
        ctx.save_for_backward(columns, signal, opened, z, weight, bias, residual)
        return (z,) if residual is None else (z, plus_product(x, z, as_multiplied(residual)[0].t()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_z: Tensor, of_y: Tensor | None = None) -> tuple[Tensor | None, ...]:
        columns, signal, opened, z, weight, bias, residual = ctx.saved_tensors
        of_residual = None
        if residual is not None and of_y is not None:
            stream = of_y.to(z.dtype).flatten(0, 1)
            of_z = torch.addmm(of_z.flatten(0, 1), stream, residual.to(z.dtype)).view_as(z)
            of_residual = torch.mm(stream.t(), z.flatten(0, 1)).to(residual.dtype)
        of_gates = gate_gradient(of_z, signal, opened)
        rows = of_gates.flatten(0, 1)
        of_weight = torch.mm(columns.flatten(0, 1).t(), rows).to(weight.dtype).view_as(weight)
        of_x = input_gradient(of_gates, weight.to(z.dtype), ctx.dilation, of_y) if ctx.needs_input_grad[0] else None
        of_added = [
            of_gates.unflatten(1, (shape[1], -1)).sum(2, keepdim=True).sum_to_size(shape).to(dtype)
            for shape, dtype in zip(ctx.shapes, ctx.added_dtypes, strict=True)
        ]
        return of_x, None, of_weight, rows.sum(0).to(bias.dtype), of_residual, *of_added


def side_by_side(x: Tensor, num_taps: int, dilation: int) -> Tensor:
    """[B, T, R] to [B, T, k·R]: tap j is x delayed by (k - 1 - j)·dilation timesteps, zeros coming in."""
    columns = x.new_empty(*x.shape[:2], num_taps, x.shape[2])
    for j in range(num_taps):
        reach = min((num_taps - 1 - j) * dilation, x.shape[1])
        columns[:, :reach, j].zero_()
        columns[:, reach:, j].copy_(x[:, : x.shape[1] - reach])
    return columns.flatten(2)


def tanh(x: Tensor) -> Tensor:
    """tanh; of bfloat16 on a CPU as 2 σ(2x) - 1 in float32, which is rounded to the same and takes half the time."""
    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        return x.float().mul_(2).sigmoid_().mul_(2).sub_(1).to(x.dtype)
    return x.tanh()


def plus_product(x: Tensor, z: Tensor, weight: Tensor) -> Tensor:
    """The sum x + z weight, in the precision of x."""
    if x.dtype != z.dtype:
        return x + (z @ weight)
    return torch.addmm(x.flatten(0, 1), z.flatten(0, 1), weight).view_as(x)


def gate_gradient(of_z: Tensor, signal: Tensor, opened: Tensor) -> Tensor:
    """∂P [B, T, G], of z = signal ⊙ opened."""
    of_filter = torch.ops.aten.tanh_backward(of_z * opened, signal)
    of_opening = torch.ops.aten.sigmoid_backward(of_z * signal, opened)
    return torch.cat([of_filter, of_opening], -1)


def input_gradient(of_gates: Tensor, weight: Tensor, dilation: int, of_y: Tensor | None) -> Tensor:
    """∂x [B, T, R] in the precision of ∂y, which is added: each tap's gradient goes back to where the tap looked."""
    num_taps, length = len(weight), of_gates.shape[1]
    by_tap = torch.mm(of_gates.flatten(0, 1), weight.flatten(0, 1).t()).view(*of_gates.shape[:2], num_taps, -1)
    present = by_tap[:, :, -1]
    of_x = present.contiguous() if of_y is None else present + of_y
    for j in range(num_taps - 1):
        reach = min((num_taps - 1 - j) * dilation, length)
        of_x[:, : length - reach].add_(by_tap[:, reach:, j])
    return of_x
