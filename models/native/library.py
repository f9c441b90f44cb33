"""The compiled kernels: which there are, which this processor can run, and why there are none.

One shared library for each level of processor (`setup.py` builds them), opened through ctypes: calls release the
interpreter's lock. They lie beside this file, or in the installed package where the code came to a worker by itself. A
library that was built from other sources is not used.
"""

import ctypes
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

LEVELS = ("avx512bf16", "avx512", "avx2", "portable")
"""The fastest first. A row of a dataset names the one that drew it: sums differ in their last bits between them."""

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Library:
    """A level's kernels. A vector has so many floats, a panel of weights so many vectors."""

    level: str
    vector: int
    panel: int
    has_bfloat16: bool
    calls: Any

    def padded(self, width: int) -> int:
        """A width in whole vectors."""
        return -(-width // self.vector) * self.vector


def best() -> Library | None:
    """The fastest that this processor can run; None where there is none."""
    return next((found for level in LEVELS if isinstance(found := opened(level), Library)), None)


@cache
def opened(level: str) -> Library | str:
    """A level's library, or why it cannot be used here."""
    built = [path for path in candidates(level) if path.is_file()]
    if not built:
        return "not built"
    calls = ctypes.CDLL(str(built[0]))
    calls.ancestral_sources.restype = ctypes.c_char_p
    if calls.ancestral_sources().decode() != digest_of_sources():
        return f"built from other sources than those beside {HERE}: install the package again"
    if not calls.ancestral_runs_here():
        return "not for this processor"
    sizes = calls.ancestral_vector_length(), calls.ancestral_panel_vectors()
    return Library(level, *sizes, bool(calls.ancestral_has_bfloat16()), calls)


def candidates(level: str) -> Iterator[Path]:
    """Where a level's library may lie."""
    names = [level + suffix for suffix in EXTENSION_SUFFIXES]
    yield from (HERE / name for name in names)
    try:
        installed = Path(str(distribution("ancestral").locate_file("models/native")))
    except PackageNotFoundError:
        return
    yield from (installed / name for name in names)


def digest_of_sources() -> str:
    """As `setup.py` takes it of the headers."""
    headers = sorted(HERE.glob("*.h"))
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in headers)).hexdigest()


def why_none() -> str:
    """One line for people, where no level can be used."""
    reasons = ", ".join(f"{level}: {opened(level)}" for level in LEVELS)
    return f"no compiled kernel can be used ({reasons}); torch draws instead, several times slower"
