"""The kernels of one colour of one pixel: a program takes its lanes through all layers. Importing this needs triton.

Axes and names as in `picture_kernels.py`. A block of weights has, one behind the other, the rows of the pixels to the
left, those of the own pixel's earlier colours (padded to whole DEPTHs) and those of the own colour (padded to a tile).
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# ruff: noqa: PLR0913 (a kernel is given its buffers one by one)

import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]

from models.sampling.gpu.kernels import INTERPRETED as INTERPRETED
from models.sampling.gpu.kernels import multiplied, sigmoid, tanh
from models.sampling.gpu.picture_kernels import seen


@triton.jit
def along_row(
    pixels,  # [LANES]: pointers to the leftmost pixel that is looked at
    is_lane,
    pitch,  # from a pixel to the next
    left,
    width,
    earlier,  # how many features of earlier colours are seen at the pixel itself
    present,  # [LANES, W_IN]: the own colour's
    own,  # tl.arange(0, W_IN)
    weight,  # at the columns of the sum
    stride,
    total,
    DEPTH: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """The sum of `total` and a masked convolution along the current row, for one colour."""
    whole = (width + DEPTH - 1) // DEPTH * DEPTH
    for tap in range(0, left):
        features = (pixels + tap * pitch)[:, None]
        total = seen(features, is_lane, width, weight + tap * whole * stride, stride, total, DEPTH, WIDEN)
    features, block = (pixels + left * pitch)[:, None], weight + left * whole * stride
    total = seen(features, is_lane, earlier, block, stride, total, DEPTH, WIDEN)
    return multiplied(present, tl.load(block + (whole + own[:, None]) * stride), total, WIDEN)


@triton.jit
def gated_pixel(
    cells,  # all layers' rows, one behind the other
    gated,  # [L, B, H]: of the current pixel
    offsets,  # [L, M, 2H] float32: from the rows above, with the bias
    stream,  # [B, H] float32, written: the features that the head takes
    position,
    plan,  # [L, 6] int64: where a layer's cells begin, their slots and columns, left, width, where its weights begin
    across,  # rows of weights of all layers, [.., 2, W_G]
    out,  # [L, W_H + W_G, W_G]
    out_bias,  # [L, H]
    num_lanes,
    columns,
    num_layers,
    start,  # of the colour's features
    number,
    H,
    COLOUR: tl.constexpr,
    COLOURS: tl.constexpr,
    LANES: tl.constexpr,
    W_G: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """The horizontal stack of Gated PixelCNN."""
    pixel = tl.load(position) // COLOURS
    row, column = pixel // columns, pixel % columns
    lanes = tl.program_id(0) * LANES + tl.arange(0, LANES)
    features = tl.arange(0, W_G)
    is_lane = (lanes < num_lanes)[:, None]
    is_own = is_lane & (features < number)[None, :]
    own = start + features[None, :]
    x = tl.full((LANES, W_G), 0.0, tl.float32)
    for layer in range(0, num_layers):
        entry = plan + 6 * layer
        left, width = tl.load(entry + 3), tl.load(entry + 4)
        place = row % tl.load(entry + 1) * tl.load(entry + 2) + column
        pixels = cells + tl.load(entry) + (place * num_lanes + lanes) * width
        pitch = num_lanes * width
        present = x.to(cells.dtype.element_ty)
        is_first = layer + 0 * lanes[:, None] == 0  # its cells have the picture, of which a colour never sees itself
        tl.store((pixels + left * pitch)[:, None] + own, present, mask=is_own & (is_first == 0))
        earlier = tl.where(layer == 0, COLOUR, start)
        offset = offsets + ((layer * columns + column) * num_lanes + lanes)[:, None] * 2 * H + own
        signal = tl.load(offset, mask=is_own, other=0.0)
        opening = tl.load(offset + H, mask=is_own, other=0.0)
        weight = across + tl.load(entry + 5) * 2 * W_G + features[None, :]
        signal = along_row(
            pixels, is_lane, pitch, left, width, earlier, present, features, weight, 2 * W_G, signal, DEPTH, WIDEN
        )
        opening = along_row(
            pixels,
            is_lane,
            pitch,
            left,
            width,
            earlier,
            present,
            features,
            weight + W_G,
            2 * W_G,
            opening,
            DEPTH,
            WIDEN,
        )
        z = (tanh(signal) * sigmoid(opening)).to(cells.dtype.element_ty)
        of_gated = gated + (layer * num_lanes + lanes) * H
        tl.store(of_gated[:, None] + own, z, mask=is_own)
        total = x + tl.load(out_bias + layer * H + own, mask=features[None, :] < number, other=0.0)
        weight = out + layer * ((H + DEPTH - 1) // DEPTH * DEPTH + W_G) * W_G + features[None, :]
        x = along_row(of_gated, is_lane, 0, 0, H, start, z, features, weight, W_G, total, DEPTH, WIDEN)
    tl.store(stream + lanes[:, None] * H + own, x, mask=is_own)


@triton.jit
def relu(x, like):
    """The positive part, in another's dtype; what is no number stays none."""
    return tl.where(x < 0, 0.0, x).to(like.dtype.element_ty)


@triton.jit
def square_pixel(
    cells,  # all squares' rows, one behind the other
    streams,  # [L, B, S]: of the current pixel, positive parts
    insides,  # [L, B, H]
    first_offsets,  # [M, S] float32: from the rows above, with the bias
    offsets,  # [L, M, H] float32
    stream,  # [B, S] float32, written: the features that the head takes
    position,
    plan,  # [1 + L, 6] int64, as of `gated_pixel`; weights are those of `first`, then of `here`
    first,  # [.., W_S]
    reduce,  # [L, W_S', W_G]
    here,  # [.., W_G]
    expand,  # [L, W_H', W_S]
    reduce_bias,  # [L, H]
    expand_bias,  # [L, S]
    num_lanes,
    columns,
    num_layers,
    stream_start,
    stream_number,
    start,
    number,
    S,
    H,
    COLOUR: tl.constexpr,
    COLOURS: tl.constexpr,
    LANES: tl.constexpr,
    W_S: tl.constexpr,
    W_G: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """The residual blocks of PixelCNN."""
    pixel = tl.load(position) // COLOURS
    row, column = pixel // columns, pixel % columns
    lanes = tl.program_id(0) * LANES + tl.arange(0, LANES)
    of_stream, of_inside = tl.arange(0, W_S), tl.arange(0, W_G)
    is_lane = (lanes < num_lanes)[:, None]
    is_stream, is_inside = (of_stream < stream_number)[None, :], (of_inside < number)[None, :]
    own_stream, own_inside = stream_start + of_stream[None, :], start + of_inside[None, :]
    nothing = tl.full((LANES, W_S), 0.0, tl.float32)
    left, width = tl.load(plan + 3), tl.load(plan + 4)
    place = row % tl.load(plan + 1) * tl.load(plan + 2) + column
    pixels = cells + tl.load(plan) + (place * num_lanes + lanes) * width
    of_first = first_offsets + (column * num_lanes + lanes)[:, None] * S + own_stream
    x = tl.load(of_first, mask=is_lane & is_stream, other=0.0)
    x = along_row(
        pixels, is_lane, num_lanes * width, left, width, COLOUR, relu(nothing, cells), of_stream,
        first + of_stream[None, :], W_S, x, DEPTH, WIDEN,
    )  # fmt: skip
    whole_stream, whole_inside = (S + DEPTH - 1) // DEPTH * DEPTH + W_S, (H + DEPTH - 1) // DEPTH * DEPTH + W_G
    for layer in range(0, num_layers):
        entry = plan + 6 * (layer + 1)
        left, width = tl.load(entry + 3), tl.load(entry + 4)
        place = row % tl.load(entry + 1) * tl.load(entry + 2) + column
        pixels = cells + tl.load(entry) + (place * num_lanes + lanes) * width
        pitch = num_lanes * width
        present = relu(x, cells)
        held = streams + (layer * num_lanes + lanes) * S
        tl.store(held[:, None] + own_stream, present, mask=is_lane & is_stream)
        inside = tl.load(reduce_bias + layer * H + own_inside, mask=is_inside, other=0.0)
        inside += tl.full((LANES, W_G), 0.0, tl.float32)
        weight = reduce + layer * whole_stream * W_G + of_inside[None, :]
        inside = along_row(held, is_lane, 0, 0, S, stream_start, present, of_stream, weight, W_G, inside, DEPTH, WIDEN)
        reduced = relu(inside, cells)
        tl.store((pixels + left * pitch)[:, None] + own_inside, reduced, mask=is_lane & is_inside)
        offset = offsets + ((layer * columns + column) * num_lanes + lanes)[:, None] * H + own_inside
        inside = tl.load(offset, mask=is_lane & is_inside, other=0.0)
        weight = here + tl.load(entry + 5) * W_G + of_inside[None, :]
        inside = along_row(
            pixels, is_lane, pitch, left, width, start, reduced, of_inside, weight, W_G, inside, DEPTH, WIDEN
        )
        convolved = relu(inside, cells)
        held = insides + (layer * num_lanes + lanes) * H
        tl.store(held[:, None] + own_inside, convolved, mask=is_lane & is_inside)
        total = x + tl.load(expand_bias + layer * S + own_stream, mask=is_stream, other=0.0)
        weight = expand + layer * whole_inside * W_S + of_stream[None, :]
        x = along_row(held, is_lane, 0, 0, H, start, convolved, of_inside, weight, W_S, total, DEPTH, WIDEN)
    tl.store(stream + lanes[:, None] * S + own_stream, x, mask=is_lane & is_stream)
