"""The kernels of a picture, in Triton: finished rows, then one colour of one pixel. Importing this needs triton.

Axes: B lane, C colour, W column, H half of the gates, L layers, K N of a product; M = W·B pixels of a row, all lanes of
a column side by side. A name in capitals is known when a kernel is compiled; W_ stands before what is padded.

Rows that layers look at are rings: `cells` [slots, columns and borders, B, features], the borders zero; rows above the
picture are never read. A colour's features see all those of the pixels to the left and a prefix of their own pixel's,
which earlier launches wrote, and their own colour's, which are in registers: so in `pixel_kernels.py` a program takes
its lanes through all layers and reads nothing that it wrote. The rest is as in `kernels.py`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# ruff: noqa: PLR0913 (a kernel is given its buffers one by one)

import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]

from models.sampling.gpu.kernels import INTERPRETED as INTERPRETED
from models.sampling.gpu.kernels import multiplied, sigmoid, tanh


@triton.jit
def seen(features, is_row, number, weight, stride, total, DEPTH: tl.constexpr, WIDEN: tl.constexpr):
    """The sum total + x weight, for the first `number` features x that rows of pointers [.., 1] point to."""
    for start in range(0, number, DEPTH):
        depth = start + tl.arange(0, DEPTH)
        x = tl.load(features + depth[None, :], mask=is_row & (depth < number)[None, :], other=0.0)
        total = multiplied(x, tl.load(weight + depth[:, None] * stride), total, WIDEN)
    return total


@triton.jit
def over_rows(
    cells,
    pixels,  # [M] of the row
    is_pixel,
    row,  # the last one that is looked at; -1 before the first
    num_rows,
    num_slots,
    columns,
    num_lanes,
    width,
    side,
    weight,  # [num_rows, 1 + 2 side, W_K, stride], at the columns of the sum
    stride,
    total,
    DEPTH: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """The sum of `total` and a convolution over the rows down to `row`, and all columns."""
    whole = (width + DEPTH - 1) // DEPTH * DEPTH
    for number in range(0, num_rows):
        back = num_rows - 1 - number
        slot = (row - back + 2 * num_slots) % num_slots
        first = cells + (slot * (columns + 2 * side) * num_lanes + pixels) * width
        is_there = (is_pixel & (row + 0 * pixels >= back))[:, None]
        for column in range(0, 2 * side + 1):
            own = weight + (number * (2 * side + 1) + column) * whole * stride
            features = (first + column * num_lanes * width)[:, None]
            total = seen(features, is_there, width, own, stride, total, DEPTH, WIDEN)
    return total


@triton.jit
def see(
    levels,  # [B] int64: those before `position`
    position,
    values,  # [K] in the dtype of products: what a level stands at
    cells,  # the picture's own rows
    num_lanes,
    num_slots,
    columns,
    side,
    colours,
    LANES: tl.constexpr,
):
    """Put the last level where the first layer looks for it."""
    t = tl.load(position) - 1
    lanes = tl.program_id(0) * LANES + tl.arange(0, LANES)
    is_drawn = (lanes < num_lanes) & (t + 0 * lanes >= 0)
    pixel = (t + colours) // colours - 1
    row, column = (pixel + columns) // columns - 1, (pixel + columns) % columns
    place = ((row + num_slots) % num_slots * (columns + 2 * side) + side + column) * num_lanes + lanes
    level = tl.load(levels + lanes, mask=is_drawn, other=0)
    value = tl.load(values + level, mask=is_drawn, other=0.0)
    tl.store(cells + place * colours + (t + colours) % colours, value, mask=is_drawn)


@triton.jit
def finished_rows(
    cells,
    position,  # at the first one of a row
    weight,  # [num_rows, 1 + 2 side, W_K, W_N]
    biases,  # [1 or W, 1 or B, N] float32
    out,  # [M, N] float32, written
    num_lanes,
    columns,
    colours,
    num_rows,
    num_slots,
    side,
    width,
    N,
    W_N,
    column_stride,
    lane_stride,
    PIXELS: tl.constexpr,
    DEPTH: tl.constexpr,
    COLUMNS: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """What the rows above give a row that begins: a convolution, or one product where num_rows is 1 and side 0."""
    row = tl.load(position) // (colours * columns) - 1
    pixels = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    outputs = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    is_pixel = pixels < num_lanes * columns
    is_out = is_pixel[:, None] & (outputs < N)[None, :]
    of_bias = pixels // num_lanes * column_stride + pixels % num_lanes * lane_stride
    total = tl.load(biases + of_bias[:, None] + outputs[None, :], mask=is_out, other=0.0)
    total = over_rows(
        cells, pixels, is_pixel, row, num_rows, num_slots, columns, num_lanes, width, side,
        weight + outputs[None, :], W_N, total, DEPTH, WIDEN,
    )  # fmt: skip
    tl.store(out + pixels[:, None] * N + outputs[None, :], total, mask=is_out)


@triton.jit
def finished_gates(
    cells,
    position,  # at the first one of a row
    weight,  # [num_rows, 1 + 2 side, W_K, 2, W_H]
    biases,  # [1 or W, 1 or B, 2H] float32
    above,  # [M, 2H], written: before the gate
    following,  # the next layer's cells, written after the gate
    num_lanes,
    columns,
    colours,
    num_rows,
    num_slots,
    side,
    width,
    H,
    W_H,
    column_stride,
    lane_stride,
    next_slots,
    next_side,
    HAS_NEXT: tl.constexpr,
    PIXELS: tl.constexpr,
    DEPTH: tl.constexpr,
    COLUMNS: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """A layer of the vertical stack over a finished row."""
    row = tl.load(position) // (colours * columns) - 1
    pixels = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    hidden = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    is_pixel = pixels < num_lanes * columns
    is_out = is_pixel[:, None] & (hidden < H)[None, :]
    of_bias = pixels // num_lanes * column_stride + pixels % num_lanes * lane_stride
    of_signal = biases + of_bias[:, None] + hidden[None, :]
    signal = tl.load(of_signal, mask=is_out, other=0.0)
    opening = tl.load(of_signal + H, mask=is_out, other=0.0)
    own = weight + hidden[None, :]
    signal = over_rows(
        cells, pixels, is_pixel, row, num_rows, num_slots, columns, num_lanes, width, side,
        own, 2 * W_H, signal, DEPTH, WIDEN,
    )  # fmt: skip
    opening = over_rows(
        cells, pixels, is_pixel, row, num_rows, num_slots, columns, num_lanes, width, side,
        own + W_H, 2 * W_H, opening, DEPTH, WIDEN,
    )  # fmt: skip
    of_above = above + pixels[:, None] * 2 * H + hidden[None, :]
    tl.store(of_above, signal.to(above.dtype.element_ty), mask=is_out)
    tl.store(of_above + H, opening.to(above.dtype.element_ty), mask=is_out)
    if HAS_NEXT:
        slot = (row + next_slots) % next_slots
        place = (slot * (columns + 2 * next_side) + next_side) * num_lanes + pixels
        z = (tanh(signal) * sigmoid(opening)).to(following.dtype.element_ty)
        tl.store(following + place[:, None] * H + hidden[None, :], z, mask=is_out)
