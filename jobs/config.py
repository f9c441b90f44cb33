"""Settings: defaults, then a recipe or `--config` file, then each `--set a.b=c`; parsed strictly to dataclasses."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from pipeline.errors import ConfigError
from pipeline.storage import Location

Config = TypeVar("Config")


class PlainLoader(yaml.SafeLoader):
    """YAML as people mean it: `off` and `yes` are words, 1e-3 is a number (both differ in YAML 1.1)."""


PlainLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:float")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf|\.nan)$"
    ),
    list("-+0123456789."),
)


def load_config(config_type: type[Config], file: Location | None = None, sets: Iterable[str] = ()) -> Config:
    """A config from its defaults, a YAML file and `a.b=c` settings, each over the one before."""
    data: dict[str, Any] = read_yaml(file) if file else {}
    for setting in sets:
        data = overlay(data, parse_set(setting))
    return parse_config(config_type, data, str(file) if file else "--set")


def parse_config(config_type: type[Config], data: Mapping[str, Any], where: str) -> Config:
    """Plain values to a frozen dataclass; unknown keys and wrong types are errors that say what was expected."""
    refuse_unknown_keys(config_type, data, where)
    try:
        # By way of JSON: in strict mode pydantic takes a JSON array for a tuple, and nothing else for anything else.
        return TypeAdapter(config_type).validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{where}: {explain_validation(error)}") from None
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None


def read_yaml(file: Location) -> dict[str, Any]:
    """A YAML file that holds a mapping."""
    return parse_yaml(file.read_text(), str(file))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """YAML text that holds a mapping; `where` is named in the error."""
    try:
        data = yaml.load(text, PlainLoader)  # noqa: S506  # a SafeLoader with fewer surprises
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
        value: Any = yaml.load(text, PlainLoader)  # noqa: S506
    except yaml.YAMLError:
        value = text
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others laid over them; mappings are merged, all else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = overlay(before, value)
        merged[key] = value
    return merged


def refuse_unknown_keys(config_type: Any, data: Mapping[str, Any], where: str, path: str = "") -> None:
    """Walk the dataclasses: a key that none of them has is an error that offers the nearest one."""
    known = {field.name for field in fields(config_type) if field.init}
    hints = get_type_hints(config_type)
    for key, value in data.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown setting {path}{key}. {suggestion(str(key), known, path)}")
        if is_dataclass(hints[key]) and isinstance(value, Mapping):
            refuse_unknown_keys(hints[key], value, where, f"{path}{key}.")


def suggestion(key: str, known: Iterable[str], path: str = "") -> str:
    """The nearest known name, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {path}{near[0]}?"
    return f"Known here: {', '.join(path + name for name in names) or 'none'}."


def explain_validation(error: ValidationError) -> str:
    """Pydantic's findings in our words: where, what was expected, what came."""
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"]) or "the settings"
        came = problem["input"] if not isinstance(problem["input"], Mapping) else "a mapping"
        lines.append(f"{where}: {problem['msg'].removeprefix('Value error, ')} (got {came!r})")
    return "; ".join(lines) + "."
