"""The kernels compile for a GPU (compute capability 9.0) on a machine that has none, and fit one of its processors."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.interpreter import needs_triton

SHARED_BYTES = 227 * 1024
"""Of a processor of compute capability 9.0, as one program may have it (CUDA programming guide, table of features)."""


@needs_triton
@pytest.mark.slow
def test_every_kernel_compiles_and_fits(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.models.sampling.gpu.compiled"],
        env={**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(told.stdout)
    assert len(figures) == 18
    assert max(figures.values()) <= SHARED_BYTES, figures
