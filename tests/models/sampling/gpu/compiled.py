"""Compiles the GPU's kernels for a device that need not be there, and prints what they ask of it, as JSON.

python -m tests.models.sampling.gpu.compiled
"""

import json
from typing import Any

import triton  # type: ignore[import-untyped]
from triton.backends.compiler import GPUTarget  # type: ignore[import-untyped]
from triton.compiler import ASTSource  # type: ignore[import-untyped]

from models.sampling.gpu import kernels
from models.sampling.gpu.launching import COMPILING, LANES_PER_PROGRAM

TARGET = GPUTarget("cuda", 90, 32)
POINTERS = {"position": "*i64", "starts": "*i64", "plan": "*i64", "levels": "*i64", "history": "*i64"}
IN_FLOAT32 = ("stream", "skips", "biases", "skip_bias", "values", "weights", "bias", "x", "out")
IN_PRECISION = ("rings", "taps", "residual", "skip", "weight")
NOT_MULTIPLES = ("first", "last")
"""Of the numbers that a kernel is given, those that are no multiples of 16."""


def shared_bytes(kernel: Any, precision: str, **known: Any) -> int:
    """The shared memory that one of the kernels asks for, its tensors and sizes aligned as they are in use."""
    types = POINTERS | dict.fromkeys(IN_FLOAT32, "*fp32") | dict.fromkeys(IN_PRECISION, "*" + precision)
    known |= {"LANES": LANES_PER_PROGRAM}
    names = list(kernel.arg_names)
    source = ASTSource(
        fn=kernel,
        signature={name: "constexpr" if name in known else types.get(name, "i32") for name in names},
        constexprs={(names.index(name),): value for name, value in known.items()},
        attrs={
            (place,): [["tt.divisibility", 16]]
            for place, name in enumerate(names)
            if name not in known and name not in NOT_MULTIPLES
        },
    )
    return int(triton.compile(source, target=TARGET, options=COMPILING).metadata.shared)


def figures() -> dict[str, int]:
    """Every kernel at the widths of architectures i and ii."""
    found = {}
    for precision in ("bf16", "fp32"):
        for name, num_taps, channels, outputs in (("i", 2, 64, 256), ("ii", 3, 128, 128)):
            widths = {"NUM_TAPS": num_taps, "W_R": channels, "W_H": channels, "W_S": outputs}
            found[f"layers {name} {precision}"] = shared_bytes(
                kernels.gated_layers, precision, IS_START=True, WIDEN=False, **widths
            )
        found[f"product {precision}"] = shared_bytes(kernels.relu_product, precision, DEPTH=64, COLUMNS=64, WIDEN=False)
    for is_scalar in (True, False):
        found[f"first {is_scalar}"] = shared_bytes(
            kernels.first_convolution, "fp32", NUM_TAPS=2, IS_SCALAR=is_scalar, W_R=64
        )
    return found


if __name__ == "__main__":
    print(json.dumps(figures()))
