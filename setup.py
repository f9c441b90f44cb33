"""The kernels of `models/native`: one extension for each level of processor, from the same headers.

Each is optional. Without a C++ compiler, or with one that does not know a level, the package is installed without it
and draws by torch; `ancestral doctor` says which there are. All else about the package stands in `pyproject.toml`.
"""

import hashlib
import platform
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("models/native")
LEVELS = {
    "avx512bf16": ["-march=x86-64-v4", "-mavx512bf16"],
    "avx512": ["-march=x86-64-v4"],
    "avx2": ["-march=x86-64-v3"],
    "portable": [],
}
FLAGS = ["-O3", "-std=c++17", "-ffp-contract=fast", "-fno-math-errno", "-fvisibility=hidden", "-w"]


def digest_of(files: list[Path]) -> str:
    """What `models.native.library` compares with the sources beside it: a kernel of other sources is not used."""
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def extension(level: str, flags: list[str], headers: list[Path]) -> Extension:
    """One level; its own source, since objects of one name would take each other's place."""
    return Extension(
        f"models.native.{level}",
        [str(SOURCES / f"{level}.cpp")],
        depends=[str(header) for header in headers],
        define_macros=[("SOURCES", f'"{digest_of(headers)}"')],
        extra_compile_args=[*FLAGS, *flags],
        optional=True,
    )


def levels_of_this_machine() -> list[str]:
    """Every level on x86, the portable one elsewhere."""
    return list(LEVELS) if platform.machine().lower() in ("x86_64", "amd64") else ["portable"]


headers = sorted(SOURCES.glob("*.h"))
setup(ext_modules=[extension(level, LEVELS[level], headers) for level in levels_of_this_machine()])
