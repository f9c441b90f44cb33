"""The kernels of a WaveNet's timestep, in Triton. Importing this needs triton, as of `picture_kernels.py` alone.

Axes: B lane, R residual, G gate (filter half, then gate half), H = G/2, S skip, L layers, J tap, k taps, K N of a
product. A name in capitals is known when a kernel is compiled; W stands before what is padded to whole tiles.

A program computes LANES lanes and no other program looks at these, so layers follow each other inside one program
without waiting for anyone: the stream x stays in registers from layer to layer, and of a ring only what was written in
earlier timesteps is read. `position` [1] lies on the device: one captured CUDA graph serves every timestep. A lane's
item may have begun at any position; what lies before that is not there.

Products are summed in float32 whatever their factors are. Which numbers meet in which order depends on neither B nor
the lane. Only builtins of `triton.language` are called: its own library of functions is bound to the interpreter, or
not, by whoever imports triton first.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# ruff: noqa: PLR0913 (a kernel is given its buffers one by one)

import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]

INTERPRETED = bool(triton.knobs.runtime.interpret)
"""Whether these kernels run in Triton's interpreter: TRITON_INTERPRET as it was when this module was imported."""


@triton.jit
def multiplied(a, b, total, WIDEN: tl.constexpr):
    """The sum total + a b in float32. WIDEN: the interpreter takes bfloat16 for the whole numbers of its bits.

    Factors in float32 are split in three for the tensor cores, which is about as exact as float32 (tf32x3).
    """
    if WIDEN:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision="tf32x3")


@triton.jit
def tanh(x):
    """Of numbers of any size, without overflow."""
    e = tl.exp(-2 * tl.abs(x))
    size = (1 - e) / (1 + e)
    return tl.where(x < 0, -size, size)


@triton.jit
def sigmoid(x):
    """Of numbers of any size, without overflow."""
    e = tl.exp(-tl.abs(x))
    return tl.where(x < 0, e, 1.0) / (1 + e)


@triton.jit
def first_convolution(
    levels,  # [B] int64: those before `position`
    history,  # [slots, B] int64, a ring of these
    position,
    starts,  # [B] int64: the position at which each lane's item began
    values,  # [K]: what a level stands at, where IS_SCALAR
    weights,  # [k, R] where IS_SCALAR; else [K, k, R]: what a level adds to each tap
    bias,  # [R]
    stream,  # [B, R] float32, written
    num_lanes,
    num_slots,
    R,
    NUM_TAPS: tl.constexpr,
    IS_SCALAR: tl.constexpr,
    LANES: tl.constexpr,
    W_R: tl.constexpr,
):
    """The first layer's input from the last k levels; before the start there are none, and nothing is added."""
    t = tl.load(position)
    lanes = tl.program_id(0) * LANES + tl.arange(0, LANES)
    channels = tl.arange(0, W_R)
    is_lane, is_channel = lanes < num_lanes, channels < R
    when = t - tl.load(starts + lanes, mask=is_lane, other=0)
    newest = tl.load(levels + lanes, mask=is_lane & (when > 0), other=0)
    tl.store(history + (t - 1 + num_slots) % num_slots * num_lanes + lanes, newest, mask=is_lane & (when > 0))
    x = tl.full((LANES, W_R), 0.0, tl.float32) + tl.load(bias + channels, mask=is_channel, other=0.0)[None, :]
    for tap in tl.static_range(NUM_TAPS):
        back = NUM_TAPS - tap
        is_there = is_lane & (when >= back)
        level = newest
        if back > 1:
            slot = (t - back + num_slots) % num_slots
            level = tl.load(history + slot * num_lanes + lanes, mask=is_there, other=0)
        is_read = is_there[:, None] & is_channel[None, :]
        if IS_SCALAR:
            row = tl.load(weights + tap * R + channels, mask=is_channel, other=0.0)
            x += tl.load(values + level, mask=is_there, other=0.0)[:, None] * row[None, :]
        else:
            rows = level[:, None] * (NUM_TAPS * R) + tap * R + channels[None, :]
            x += tl.load(weights + rows, mask=is_read, other=0.0)
    tl.store(stream + lanes[:, None] * R + channels[None, :], x, mask=is_lane[:, None] & is_channel[None, :])


@triton.jit
def gated_layers(
    stream,  # [B, R] float32: the first of these layers' input; the input of the layer after the last, written
    skips,  # [B, S] float32: the skip connections' sum so far, written
    rings,  # all rings, one behind the other, each [(k - 1)·dilation + 1, B, R] in the dtype of products
    position,
    starts,  # [B] int64
    plan,  # [L, 2] int64: where a layer's ring begins, in slots; its dilation
    biases,  # [B, L·G] float32, or one row for all lanes: lane_stride 0
    taps,  # [L, k, 2, W_R, W_H]
    residual,  # [L, W_H, W_R]
    skip,  # [L, W_H, W_S]
    skip_bias,  # [S]
    num_lanes,
    lane_stride,
    first,
    last,
    R,
    H,
    S,
    NUM_TAPS: tl.constexpr,
    IS_START: tl.constexpr,
    LANES: tl.constexpr,
    W_R: tl.constexpr,
    W_H: tl.constexpr,
    W_S: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """Gated layers `first` to `last` at one timestep: taps, gate, residual and skip connection of each."""
    t = tl.load(position)
    lanes = tl.program_id(0) * LANES + tl.arange(0, LANES)
    when = (t - tl.load(starts + lanes, mask=lanes < num_lanes, other=0))[:, None]
    channels, hidden, outputs = tl.arange(0, W_R), tl.arange(0, W_H), tl.arange(0, W_S)
    is_lane = (lanes < num_lanes)[:, None]
    of_stream, is_stream = lanes[:, None] * R + channels[None, :], is_lane & (channels < R)[None, :]
    of_skips, is_skip = lanes[:, None] * S + outputs[None, :], is_lane & (outputs < S)[None, :]
    is_gate = is_lane & (hidden < H)[None, :]
    of_taps = channels[:, None] * W_H + hidden[None, :]
    of_residual = hidden[:, None] * W_R + channels[None, :]
    of_skip = hidden[:, None] * W_S + outputs[None, :]
    x = tl.load(stream + of_stream, mask=is_stream, other=0.0)
    if IS_START:
        total = tl.full((LANES, W_S), 0.0, tl.float32)
        total += tl.load(skip_bias + outputs, mask=outputs < S, other=0.0)[None, :]
    else:
        total = tl.load(skips + of_skips, mask=is_skip, other=0.0)
    for layer in range(first, last):
        dilation = tl.load(plan + 2 * layer + 1)
        num_slots = (NUM_TAPS - 1) * dilation + 1
        ring = rings + tl.load(plan + 2 * layer) * num_lanes * R
        present = x.to(rings.dtype.element_ty)
        tl.store(ring + t % num_slots * num_lanes * R + of_stream, present, mask=is_stream)
        of_gate = biases + lanes[:, None] * lane_stride + layer * 2 * H + hidden[None, :]
        signal = tl.load(of_gate, mask=is_gate, other=0.0)
        opening = tl.load(of_gate + H, mask=is_gate, other=0.0)
        for tap in tl.static_range(NUM_TAPS):
            looked_at = present
            if tap < NUM_TAPS - 1:
                reach = (NUM_TAPS - 1 - tap) * dilation
                slot = ring + (t + num_slots - reach) % num_slots * num_lanes * R
                looked_at = tl.load(slot + of_stream, mask=is_stream & (when >= reach), other=0.0)
            weight = taps + (layer * NUM_TAPS + tap) * 2 * W_R * W_H + of_taps
            signal = multiplied(looked_at, tl.load(weight), signal, WIDEN)
            opening = multiplied(looked_at, tl.load(weight + W_R * W_H), opening, WIDEN)
        z = (tanh(signal) * sigmoid(opening)).to(rings.dtype.element_ty)
        x = multiplied(z, tl.load(residual + layer * W_H * W_R + of_residual), x, WIDEN)
        total = multiplied(z, tl.load(skip + layer * W_H * W_S + of_skip), total, WIDEN)
    tl.store(stream + of_stream, x, mask=is_stream)
    tl.store(skips + of_skips, total, mask=is_skip)


@triton.jit
def relu_product(
    x,  # [B, K] float32, its rows x_stride apart
    weight,  # [W_K, W_N]
    bias,  # [N]
    out,  # [B, N] float32, its rows out_stride apart; written
    num_lanes,
    x_stride,
    out_stride,
    K,
    N,
    W_K,
    W_N,
    LANES: tl.constexpr,
    DEPTH: tl.constexpr,
    COLUMNS: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """The product relu(x) weight + bias, COLUMNS columns in a program; K is gone through DEPTH numbers at a time."""
    lanes = tl.program_id(0) * LANES + tl.arange(0, LANES)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    is_lane = (lanes < num_lanes)[:, None]
    total = tl.full((LANES, COLUMNS), 0.0, tl.float32) + tl.load(bias + columns, mask=columns < N, other=0.0)[None, :]
    for start in range(0, W_K, DEPTH):
        depth = start + tl.arange(0, DEPTH)
        part = tl.load(x + lanes[:, None] * x_stride + depth[None, :], mask=is_lane & (depth < K)[None, :], other=0.0)
        part = tl.where(part < 0, 0.0, part)  # what is no number stays none: `tl.maximum` would make it 0
        own = tl.load(weight + depth[:, None] * W_N + columns[None, :])
        total = multiplied(part.to(weight.dtype.element_ty), own, total, WIDEN)
    tl.store(out + lanes[:, None] * out_stride + columns[None, :], total, mask=is_lane & (columns < N)[None, :])
