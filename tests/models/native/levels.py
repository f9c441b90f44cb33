"""The levels of processor that this machine can run, and the precisions of each."""

import pytest
import torch

from models.native import LEVELS, Library, opened


def library_of(level: str) -> Library:
    """A level that can be run here."""
    found = opened(level)
    assert isinstance(found, Library)
    return found


usable = [level for level in LEVELS if isinstance(opened(level), Library)]
needs_kernels = pytest.mark.skipif(not usable, reason="built without a compiler")
on_every_level = pytest.mark.parametrize("level", usable)
precisions = [(level, torch.float32) for level in usable]
precisions += [(level, torch.bfloat16) for level in usable if library_of(level).has_bfloat16]
in_every_precision = pytest.mark.parametrize(("level", "dtype"), precisions, ids=str)
