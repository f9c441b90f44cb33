"""Triton's interpreter, for the tests of one module: a module that imports `interpreted` has it for all its tests.

Interpreted or not is decided as kernels are defined. So they are defined in the interpreter here, and forgotten after.
"""

import importlib.util
import sys
from collections.abc import Iterator

import pytest

KERNELS = ("kernels", "picture_kernels", "pixel_kernels")
"""Of `models.sampling.gpu`."""

needs_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")


@pytest.fixture(scope="module", autouse=True)
def interpreted() -> Iterator[None]:
    """Kernels in the interpreter, for this module."""
    if importlib.util.find_spec("triton") is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        for name in KERNELS:
            patch.delitem(sys.modules, f"models.sampling.gpu.{name}", raising=False)
        yield
        for name in KERNELS:
            sys.modules.pop(f"models.sampling.gpu.{name}", None)
            vars(sys.modules["models.sampling.gpu"]).pop(name, None)
