"""How kernels are launched: the tile of lanes, the compiler's options, and the product that every network ends with."""

from types import ModuleType
from typing import Any

from torch import Tensor

from models.sampling.gpu.packing import PackedProduct

LANES_PER_PROGRAM = 32
"""The tile of lanes. 128 programs at 4096 lanes, about as many as an H200 has processors (132)."""

COMPILING: dict[str, Any] = {"num_warps": 8, "num_stages": 1, "enable_fp_fusion": True}
"""How all kernels are compiled.

Compiled for compute capability 9.0 (no device is needed for that), gated layers in bfloat16 so keep everything in
registers, at R64 G128 S256 as at R128 G256 S128; with four warps the second spills. In two stages the second asks for
287 kB of shared memory, where a processor has 232. In float32 both spill, the second so much (38 kB a thread) that it
will be slow. A colour of one pixel of 15 × 128 features and three colours keeps everything in registers in bfloat16,
and spills less than 500 bytes a thread in float32.
"""


def load_kernels() -> ModuleType:
    """The kernels of waveforms, which need triton; imported here, so that everything else does without."""
    from models.sampling.gpu import kernels

    return kernels


def load_picture_kernels() -> ModuleType:
    """Those of pictures."""
    from models.sampling.gpu import picture_kernels

    return picture_kernels


def num_tiles(size: int, tile: int = LANES_PER_PROGRAM) -> int:
    """How many tiles so many rows take."""
    return -(-size // tile)


def relu_product(product: PackedProduct, x: Tensor, out: Tensor) -> None:
    """Write relu(x) weight + bias to `out`, for x [B, K] and out [B, N]; both may be parts of wider rows."""
    kernels, (depth, columns) = load_kernels(), product.weight.shape
    kernels.relu_product[(num_tiles(len(x)), columns // product.columns)](
        x,
        product.weight,
        product.bias,
        out,
        len(x),
        x.stride(0),
        out.stride(0),
        x.shape[1],
        out.shape[1],
        depth,
        columns,
        LANES=LANES_PER_PROGRAM,
        DEPTH=product.depth,
        COLUMNS=product.columns,
        WIDEN=kernels.INTERPRETED,
        **COMPILING,
    )
