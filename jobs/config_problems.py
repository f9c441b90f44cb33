"""Pydantic's findings in our words: where, what was expected, what came."""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from pipeline.plain_configs import choices_by_name, entry_hint

Path = tuple[str | int, ...]


def explain_validation(error: ValidationError, config_type: Any, data: Mapping[str, Any]) -> str:
    """All of them in one line, told of `data` that were to become a config of this type."""
    problems = [(asked_path(config_type, data, problem["loc"]), problem) for problem in error.errors()]
    return "; ".join(explain_problem(path, problem) for path, problem in problems if path is not None) + "."


def explain_problem(path: Path, problem: Mapping[str, Any]) -> str:
    """One of them. A config's own check of its values says what came, since to pydantic all of the config did."""
    said, came = problem["msg"].removeprefix("Value error, "), problem["input"]
    where = ".".join(str(part) for part in path)
    if problem["type"] == "value_error" and isinstance(came, Mapping):
        return str(said) if not where or said.startswith(f"{where}.") else f"{where}: {said}"
    if problem["type"] == "missing":
        return f"{where}: expected a value, and none came"
    return f"{where or 'the settings'}: {said} (got {'a mapping' if isinstance(came, Mapping) else came!r})"


def asked_path(hint: Any, value: Any, found: Sequence[str | int]) -> Path | None:
    """The path of a problem as the settings have it; None for one of a config that they do not name.

    Where a setting holds one of several configs, pydantic tries all of them and puts their types into the paths.
    """
    if not found:
        return ()
    if isinstance(value, Mapping) and (choices := choices_by_name(hint)):
        chosen = choices[value["name"]]
        return asked_path(chosen, value, found[1:]) if found[0] == chosen.__name__ else None
    rest = asked_path(*below(hint, value, found[0]), found[1:])
    return None if rest is None else (found[0], *rest)


def below(hint: Any, value: Any, part: str | int) -> tuple[Any, Any]:
    """Type and value of one setting of a config, or of one entry of a mapping or a list; None where there is none."""
    if isinstance(value, Mapping):
        is_open = get_origin(hint) in (dict, Mapping)
        hints = get_type_hints(hint) if is_dataclass(hint) else {}
        return get_args(hint)[1] if is_open else hints.get(str(part)), value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return entry_hint(hint), value[part]
    return None, None
