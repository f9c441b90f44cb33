"""Configs as plain values, the mappings and lists that JSON and YAML know, and back.

A setting may hold one of several configs, as the parts of a multi-scale model do. Each of these has a field
`name: Literal[...]`, and the `name` among its plain values says which one is meant.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pipeline.errors import ModelError

Config = TypeVar("Config")


def choices_by_name(hint: Any) -> dict[str, Any]:
    """The configs that a setting of this type may hold, by their names; empty where no name decides."""
    choices = [choice for choice in get_args(hint) if is_dataclass(choice)]
    return {name: choice for choice in choices for name in names_of(choice)}


def names_of(config_type: Any) -> tuple[str, ...]:
    """What `name` may be in a config of this type; none where it is no Literal."""
    hint = get_type_hints(config_type).get("name")
    return get_args(hint) if get_origin(hint) is Literal else ()


def named_settings(config_type: Any) -> dict[str, dict[str, Any]]:
    """The settings of a config that hold one of several, and which ones."""
    found = {key: choices_by_name(hint) for key, hint in get_type_hints(config_type).items()}
    return {key: choices for key, choices in found.items() if choices}


def from_plain(config_type: type[Config], data: Mapping[str, Any]) -> Config:
    """A frozen dataclass from what JSON made of it: nested ones rebuilt, lists back to tuples."""
    hints = get_type_hints(config_type)
    unknown = set(data) - {field.name for field in fields(config_type)}  # type: ignore[arg-type]
    if unknown:
        raise ModelError(
            f"{config_type.__name__} has no setting {', '.join(sorted(unknown))}; another release wrote this."
        )
    return config_type(**{name: restore(hints[name], value) for name, value in data.items()})


def restore(hint: Any, value: Any) -> Any:
    """One value, by the type that its field declares."""
    if isinstance(value, Mapping) and (choices := choices_by_name(hint)):
        return from_plain(chosen(choices, value), value)
    if isinstance(value, Mapping) and is_dataclass(hint):
        return from_plain(hint, value)  # type: ignore[arg-type]
    if isinstance(value, list):
        return tuple(restore(entry_hint(hint), entry) for entry in value)
    if isinstance(value, Mapping):
        return {key: restore(None, entry) for key, entry in value.items()}
    return value


def chosen(choices: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """The config type that the `name` in plain values names."""
    name = str(data.get("name", ""))
    if name not in choices:
        raise ModelError(f"a part of the model is named {name!r}; this release knows {', '.join(sorted(choices))}.")
    return choices[name]


def entry_hint(hint: Any) -> Any:
    """The type of a sequence's entries, where it declares one."""
    return get_args(hint)[0] if get_origin(hint) in (tuple, list) else None
