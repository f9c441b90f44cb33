"""The command `ancestral`: parses what was typed, calls one verb, and turns every error into one message.

Verbs are imported when they are called, so that `--help` answers at once, without Ray or torch.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from jobs.cli_align import app as align_app
from jobs.cli_data import app as data_app
from jobs.cli_generation import app as generation_app
from jobs.cli_machine import app as machine_app
from jobs.cli_models import app as models_app
from jobs.cli_options import EPILOG, version_wanted
from jobs.cli_plan import app as plan_app

app = typer.Typer(
    name="ancestral",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


for verbs in (data_app, models_app, generation_app):
    app.add_typer(verbs)
app.add_typer(align_app, name="align")
app.add_typer(plan_app, name="plan")
app.add_typer(machine_app)


@app.callback(epilog=EPILOG)
def ancestral(
    context: typer.Context,
    folder: Annotated[
        str, typer.Option("-C", metavar="DIR", help="Relative paths start at DIR, as in git.", show_default=False)
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=version_wanted, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Prepare corpora, train autoregressive models, and sample datasets from them in bulk, on Ray.

    A path may be a URI, such as s3://bucket/folder, wherever one stands.
    """
    context.obj = str(Path(folder).absolute()) if folder else str(Path.cwd())


def parse_verb(words: list[str]) -> Any:
    """A verb and its arguments as typer understands them, not run; raises typer's usage errors."""
    command: Any = typer.main.get_command(app)
    context, rest = typer.Context(command, info_name="ancestral"), list(words)
    while hasattr(command, "resolve_command"):
        if not rest:
            raise typer.BadParameter(f"{context.command_path}: expected a verb after it.")
        name, command, rest = command.resolve_command(context, rest)
        parent, context = context, typer.Context(command, info_name=name, parent=context)
    return command.make_context(name, rest, parent=parent)


def refuse_what_no_job_can(verb: typer.Context) -> typer.Context:
    """Refuse verbs that start a Ray of their own, and an address other than that of the Ray that the job is sent to."""
    if verb.info_name in ("submit", "demo"):
        raise typer.BadParameter(f"{verb.info_name} cannot run as a job: it starts a Ray of its own.")
    if verb.params.get("address", "") not in ("", "local"):
        raise typer.BadParameter("--address stands before the -- here: it says where the job is sent.")
    return verb


def main() -> None:
    """Run what was typed and exit."""
    from jobs.cli_errors import leave, run_explained

    leave(run_explained(typer.main.get_command(app)))


if __name__ == "__main__":
    main()
