"""Which code made a row: one digest over the sources that can change what is drawn."""

import hashlib
from functools import cache
from pathlib import Path

import models

SOURCES = (".py", ".h", ".cpp")


@cache
def code_digest() -> str:
    """SHA-256 over the names and contents of the sources of `models/` and `pipeline/`, in order; read once a process.

    Another digest does not mean other bytes; the same one means the same code.
    """
    whole = hashlib.sha256()
    for package in (Path(models.__file__).parent, Path(__file__).parent):
        for path in sorted(path for path in package.rglob("*") if path.suffix in SOURCES):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{package.name}/{path.relative_to(package).as_posix()} {content}\n".encode())
    return whole.hexdigest()
