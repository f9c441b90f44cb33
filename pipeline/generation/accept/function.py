"""A function of the user's own, from a file that they name.

It runs in the actors with all that they may do, as the rest of the command does: name only a file that you trust.
"""

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError
from pipeline.storage import locate

Function = Callable[[dict[str, Any], Any], Any]


def function_source(function: str) -> bytes:
    """The file's content: a part of what decides the dataset. StorageError where there is none."""
    return locate(function.rpartition(":")[0]).read_bytes() if function else b""


@lru_cache(maxsize=1)
def load_function(function: str) -> Function:
    """The function at FILE.py:NAME; ConfigError where the file is no Python, or has no such function.

    Once in each process and not for every shard: the file may load a large model of its own.
    """
    file, _, name = function.rpartition(":")
    spec = importlib.util.spec_from_file_location("accept_function", Path(file))
    if spec is None or spec.loader is None:
        raise ConfigError(f"accept.function: expected FILE.py:NAME on this machine's disk, got {function!r}.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises
        raise ConfigError(f"accept.function: {file} cannot be loaded: {type(error).__name__}: {error}.") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise ConfigError(f"accept.function: {file} has no function {name!r}.")
    return found  # type: ignore[no-any-return]


def reason_of(function: Function, row: dict[str, Any], content: Any) -> str:
    """Why the function rejects a row; empty where it does not. ConfigError for what it should not do."""
    try:
        verdict = function(row, content)
    except Exception as error:  # whatever the user's code raises
        raise ConfigError(
            f"accept.function failed at item {row['item_id']!r}: {type(error).__name__}: {error}. Mend it; what is "
            "finished is kept."
        ) from error
    if verdict is True:
        return ""
    if verdict is False:
        return "rejected by accept.function"
    if isinstance(verdict, str) and verdict:
        return f"accept.function: {verdict}"
    raise ConfigError(f"accept.function must return True, False or a reason, got {verdict!r}.")
