"""`models/` runs wherever torch and numpy do: it imports nothing else but the standard library and itself.

Some files are made of Triton's language: nothing but each other imports them until something is drawn by their kernels.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import models

FOLDER = Path(str(models.__file__)).parent
ALLOWED = {"torch", "numpy", "models"} | sys.stdlib_module_names
KERNELS = set((FOLDER / "sampling" / "gpu").glob("*kernels.py"))


def imported(file: Path) -> Iterator[str]:
    """The top-level names of everything that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "models").split(".")[0]


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: str(file.relative_to(FOLDER)))
def test_torch_and_numpy_are_enough(file: Path) -> None:
    assert set(imported(file)) <= (ALLOWED | {"triton"} if file in KERNELS else ALLOWED)


def test_triton_is_not_imported_with_the_rest() -> None:
    for file in FOLDER.rglob("*.py"):
        for statement in ast.parse(file.read_text(encoding="utf-8")).body:  # outside of functions
            if isinstance(statement, ast.Import | ast.ImportFrom) and file not in KERNELS:
                names = {alias.name.split(".")[-1] for alias in statement.names}
                names.add((getattr(statement, "module", None) or "").split(".")[-1])
                assert not names & {kernels.stem for kernels in KERNELS}, file
