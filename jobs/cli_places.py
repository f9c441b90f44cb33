"""What the verbs make of what was typed: places relative to `-C DIR`, settings, a Ray where one is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer

from pipeline.errors import ConfigError
from pipeline.storage import Location, locate

Config = TypeVar("Config")


def place(context: typer.Context, text: str) -> Location:
    """A path or URI as it was typed, relative ones to `-C DIR`."""
    if text.startswith("memory://"):
        raise ConfigError(
            f"{text}: memory:// is the memory of one process, which neither workers nor the next command see. "
            "Expected a path, or a URI of storage that they share, such as s3://bucket/folder."
        )
    return locate(text, context.obj)


def file_place(context: typer.Context, text: str | None) -> Location | None:
    """The same for an option that may be left out."""
    return place(context, text) if text else None


def settings(
    context: typer.Context, config_type: type[Config], file: str | None, sets: list[str] | None, show: bool
) -> Config:
    """The config of a verb; where `--show-config` asks for it, print it and stop."""
    from jobs.config import load_config

    config = load_config(config_type, file_place(context, file), sets or ())
    if show:
        print_config(config)
    return config


@contextmanager
def reader(address: str) -> Iterator[Any]:
    """A running Ray for a verb that only reads; none where no address is given: this process does it then."""
    if not address:
        yield None
        return
    from jobs.cluster import connect

    with connect(address) as cluster:
        yield cluster


def print_config(config: object) -> None:
    """Print a resolved config as YAML that `--config` takes again, and stop."""
    from jobs.config import to_yaml

    typer.echo(to_yaml(config), nl=False)
    raise typer.Exit
