"""Settings: defaults, then a recipe or `--config` file, then each `--set a.b=c`; parsed strictly to dataclasses."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from jobs.config_problems import explain_validation
from pipeline.errors import ConfigError
from pipeline.plain_configs import choices_by_name
from pipeline.plain_yaml import read_plain, write_plain
from pipeline.storage import Location

Config = TypeVar("Config")


def load_config(config_type: type[Config], file: Location | None = None, sets: Iterable[str] = ()) -> Config:
    """A config from its defaults, a YAML file and `a.b=c` settings, each over the one before."""
    data: dict[str, Any] = read_yaml(file) if file else {}
    settings = tuple(sets)
    for setting in settings:
        data = overlay(data, parse_set(setting))
    return parse_config(config_type, data, origin(str(file), settings) if file else "--set")


def origin(where: str, sets: Sequence[str]) -> str:
    """What an error blames: a file or a recipe, and what was laid over it."""
    return f"{where} with --set" if sets else where


def parse_config(config_type: type[Config], data: Mapping[str, Any], where: str) -> Config:
    """Plain values to a frozen dataclass; unknown keys and wrong types are errors that say what was expected."""
    refuse_unknown_keys(config_type, data, where)
    try:
        # By way of JSON: in strict mode pydantic takes a JSON array for a tuple, and nothing else for anything else.
        return TypeAdapter(config_type).validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain_validation(error, config_type, data)}") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None


def read_yaml(file: Location) -> dict[str, Any]:
    """A YAML file that holds a mapping."""
    return parse_yaml(file.read_text(), str(file))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """YAML text that holds a mapping; `where` is named in the error."""
    try:
        data = read_plain(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: expected YAML, got something else: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: expected settings as `key: value` lines, got a {type(data).__name__}.")
    return data


def parse_set(setting: str) -> dict[str, Any]:
    """`a.b=c` to {"a": {"b": c}}, c read as YAML."""
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {setting}: expected NAME.NAME=VALUE, as in --set audio.sample_rate_hz=8000.")
    try:
        value: Any = read_plain(text)
    except yaml.YAMLError:
        value = text
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others laid over them; mappings are merged, all else is replaced.

    Of several configs that may stand in a place, one with another `name` brings its own settings, all of them.
    """
    merged = dict(below)
    for key, value in above.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            is_another = "name" in before and "name" in value and before["name"] != value["name"]
            value = overlay({} if is_another else before, value)
        merged[key] = value
    return merged


def refuse_unknown_keys(hint: Any, value: Any, where: str, path: str = "") -> None:
    """Walk the types: a key that none of the dataclasses there has is an error that offers the nearest one.

    Pydantic passes over such keys in plain dataclasses.
    """
    if named := choices_by_name(hint):
        refuse_unknown_fields(named_choice(named, value, where, path), value, where, path)
    elif is_dataclass(hint) and isinstance(value, Mapping):
        refuse_unknown_fields(hint, value, where, path)
    elif isinstance(value, Mapping) and get_origin(hint) in (dict, Mapping):
        for key, below in value.items():
            refuse_unknown_keys(get_args(hint)[1], below, where, f"{path}{key}.")
    elif isinstance(value, list) and get_origin(hint) in (list, tuple):
        for index, below in enumerate(value):
            refuse_unknown_keys(get_args(hint)[0], below, where, f"{path}{index}.")
    elif isinstance(value, Mapping) and (choices := [it for it in get_args(hint) if is_dataclass(it)]):
        refuse_unknown_keys(best_fit(choices, value), value, where, path)


def refuse_unknown_fields(config_type: Any, data: Mapping[str, Any], where: str, path: str) -> None:
    """The same for one dataclass and what stands below it."""
    known = {field.name for field in fields(config_type) if field.init}
    hints = get_type_hints(config_type)
    for key, value in data.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown setting {path}{key}. {suggestion(str(key), known, path)}")
        refuse_unknown_keys(hints[key], value, where, f"{path}{key}.")


def named_choice(choices: Mapping[str, Any], value: Any, where: str, path: str) -> Any:
    """Of several configs the one that `name` says is meant."""
    name = value.get("name") if isinstance(value, Mapping) else None
    if name is None:
        came = "none came" if isinstance(value, Mapping) else f"{path[:-1]} is {value!r}"
        raise ConfigError(f"{where}: {path}name: expected one of {', '.join(sorted(choices))}, and {came}.")
    if str(name) not in choices:
        raise ConfigError(f"{where}: {path}name is {name!r}. {suggestion(str(name), choices)}")
    return choices[str(name)]


def best_fit(choices: Iterable[Any], data: Mapping[str, Any]) -> Any:
    """Of several dataclasses that have no names, the one that knows the most of the keys."""
    return max(choices, key=lambda choice: sum(field.name in data for field in fields(choice)))


def suggestion(key: str, known: Iterable[str], path: str = "") -> str:
    """The nearest known name, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {path}{near[0]}?"
    return f"Known here: {', '.join(path + name for name in names) or 'none'}."


def to_yaml(config: object) -> str:
    """A config as YAML that `--config` takes again."""
    plain = TypeAdapter(type(config)).dump_python(config, mode="json")
    return write_plain(plain)
