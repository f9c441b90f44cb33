"""What the verbs' options have in common, and what `ancestral` says of itself."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

ConfigFile = Annotated[
    str | None, typer.Option("--config", metavar="FILE.yaml", help="Settings that differ from the defaults.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="One setting, over those of --config; repeatable.")
]
Address = Annotated[
    str, typer.Option("--address", metavar="ADDRESS", help="A running Ray: auto or HOST:6379; else one starts here.")
]
ReaderAddress = Annotated[
    str, typer.Option("--address", metavar="ADDRESS", help="A running Ray that reads it; else this process does.")
]
ShowConfig = Annotated[
    bool, typer.Option("--show-config", help="Print all settings as YAML, as they would be used, and stop.")
]

EPILOG = """[bold]The whole way[/bold]

ancestral prepare LJSpeech-1.1 lj

ancestral train lj voice --recipe NAME

ancestral generate voice spoken --requests wishes.jsonl

ancestral evaluate voice lj

ancestral report lj voice spoken"""


class VerbCommand(TyperCommand):
    """A verb that can show its settings without being told what to work on."""

    def parse_args(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Take what is missing for missing on purpose where `--show-config` asks for nothing but settings."""
        if "--show-config" in takewhile(lambda word: word != "--", args):
            for parameter in self.params:
                parameter.required = parameter.name == "recipe"
        return super().parse_args(ctx, list(args))


def version_wanted(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ancestral {version('ancestral')}")
        raise typer.Exit
