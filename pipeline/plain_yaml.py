"""YAML as people mean it, read and written."""

import re
from typing import Any

import yaml


class PlainLoader(yaml.SafeLoader):
    """YAML as people mean it, where YAML 1.1 differs.

    `off` and `yes` are words, 1e-3 is a number, 010, 1:30 and 2020-01-01 are words, and a key given twice is an
    error.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping with every key once."""
        keys = [key.value for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} is given twice", node.start_mark)
        return dict(super().construct_mapping(node, deep))


REPLACED_TAGS = ("bool", "float", "int", "timestamp")

PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in REPLACED_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789")
)
PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.inf|\.nan)$"
    ),
    list("-+0123456789."),
)


class PlainDumper(yaml.SafeDumper):
    """Quotes what either reading of YAML would take for something other than a word."""


PlainDumper.yaml_implicit_resolvers = {
    first: [*PlainLoader.yaml_implicit_resolvers.get(first, []), *resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_plain(text: str) -> Any:
    """What YAML text holds; yaml.YAMLError where it is none. Nothing that is read can run code."""
    return yaml.load(text, PlainLoader)  # noqa: S506  # a SafeLoader with fewer surprises


def write_plain(data: Any) -> str:
    """Plain values as YAML, their keys in the order in which they stand."""
    return str(yaml.dump(data, Dumper=PlainDumper, sort_keys=False, allow_unicode=True))
