"""Compiles the GPU's kernels for a device that need not be there, and prints what they ask of it, as JSON.

python -m tests.models.sampling.gpu.compiled
"""

import json
from typing import Any

import triton  # type: ignore[import-untyped]
from triton.backends.compiler import GPUTarget  # type: ignore[import-untyped]
from triton.compiler import ASTSource  # type: ignore[import-untyped]

from models.sampling.gpu import kernels, picture_kernels, pixel_kernels
from models.sampling.gpu.launching import COMPILING, LANES_PER_PROGRAM
from models.sampling.gpu.packing import tile
from models.sampling.gpu.picture_rows import PIXELS_PER_PROGRAM

TARGET = GPUTarget("cuda", 90, 32)
POINTERS = dict.fromkeys(("position", "starts", "plan", "levels", "history"), "*i64")
IN_FLOAT32: tuple[str, ...] = (
    "stream",
    "skips",
    "biases",
    "skip_bias",
    "weights",
    "bias",
    "x",
    "out_bias",
    "offsets",
    "first_offsets",
)
IN_FLOAT32 += ("reduce_bias", "expand_bias")
IN_PRECISION: tuple[str, ...] = (
    "rings",
    "taps",
    "residual",
    "skip",
    "weight",
    "cells",
    "above",
    "following",
    "gated",
    "across",
)
IN_PRECISION += ("streams", "insides", "first", "reduce", "here", "expand")
NOT_MULTIPLES: tuple[str, ...] = (
    "last",
    "num_rows",
    "num_slots",
    "side",
    "colours",
    "next_slots",
    "next_side",
    "num_layers",
    "start",
)
NOT_MULTIPLES += ("number", "stream_start", "stream_number", "N")
"""Of the numbers that a kernel is given, those that are no multiples of 16."""


def shared_bytes(kernel: Any, precision: str, of_kernel: dict[str, str] | None = None, **known: Any) -> int:
    """The shared memory that one of the kernels asks for, its tensors and sizes aligned as they are in use.

    `of_kernel` has types of what goes by one name in several kernels.
    """
    names = list(kernel.arg_names)
    types = POINTERS | dict.fromkeys(IN_FLOAT32, "*fp32") | dict.fromkeys(IN_PRECISION, "*" + precision)
    types |= of_kernel or {}
    if "LANES" in names:
        known |= {"LANES": LANES_PER_PROGRAM}
    source = ASTSource(
        fn=kernel,
        signature={name: "constexpr" if name in known else types.get(name, "i32") for name in names},
        constexprs={(names.index(name),): value for name, value in known.items()},
        attrs={
            (place,): [["tt.divisibility", 16]]
            for place, name in enumerate(names)
            if name not in known and name not in NOT_MULTIPLES and types.get(name) != "i32"
        },
    )
    return int(triton.compile(source, target=TARGET, options=COMPILING).metadata.shared)


def figures_of_waveforms(precision: str) -> dict[str, int]:
    """At the widths of architectures i and ii."""
    found = {}
    numbers = {"first": "i32"}
    for name, num_taps, channels, outputs in (("i", 2, 64, 256), ("ii", 3, 128, 128)):
        widths: dict[str, Any] = {"NUM_TAPS": num_taps, "W_R": channels, "W_H": channels, "W_S": outputs}
        found[f"layers {name} {precision}"] = shared_bytes(
            kernels.gated_layers, precision, numbers, IS_START=True, WIDEN=False, **widths
        )
    types = {"out": "*fp32"}
    found[f"product {precision}"] = shared_bytes(
        kernels.relu_product, precision, types, DEPTH=64, COLUMNS=64, WIDEN=False
    )
    return found


def figures_of_pictures(precision: str) -> dict[str, int]:
    """At the widths of 15 × 128 features and three colours."""
    rows: dict[str, Any] = {"PIXELS": PIXELS_PER_PROGRAM, "DEPTH": 64, "COLUMNS": 64, "WIDEN": False}
    pixel: dict[str, Any] = {"COLOUR": 1, "COLOURS": 3, "DEPTH": 64, "WIDEN": False, "W_G": tile(43)}
    out = {"out": "*" + precision}
    return {
        f"rows {precision}": shared_bytes(picture_kernels.finished_rows, precision, {"out": "*fp32"}, **rows),
        f"gates {precision}": shared_bytes(picture_kernels.finished_gates, precision, HAS_NEXT=True, **rows),
        f"gated pixel {precision}": shared_bytes(pixel_kernels.gated_pixel, precision, out, **pixel),
        f"square pixel {precision}": shared_bytes(pixel_kernels.square_pixel, precision, W_S=tile(86), **pixel),
        f"see {precision}": shared_bytes(picture_kernels.see, precision, {"values": "*" + precision}),
    }


def figures() -> dict[str, int]:
    """Every kernel."""
    found: dict[str, int] = {}
    for precision in ("bf16", "fp32"):
        found |= figures_of_waveforms(precision) | figures_of_pictures(precision)
    types = {"values": "*fp32"}
    for is_scalar in (True, False):
        found[f"first {is_scalar}"] = shared_bytes(
            kernels.first_convolution, "fp32", types, NUM_TAPS=2, IS_SCALAR=is_scalar, W_R=64
        )
    return found


if __name__ == "__main__":
    print(json.dumps(figures()))
