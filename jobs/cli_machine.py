"""Verbs of the machine: what it has, a verb as a job elsewhere, and all of it once, small."""

from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_options import ConfigFile, Sets, ShowConfig, VerbCommand
from jobs.cli_places import place, settings

app = typer.Typer()


@app.command(cls=VerbCommand)
def doctor() -> None:
    """Say what this machine has and lacks: processor, kernels, packages; exit with 1 where something is broken."""
    from jobs.doctor import doctor as run

    raise typer.Exit(1 if run(Console()) else 0)


@app.command(cls=VerbCommand)
def submit(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="-- VERB ...", help="The command, as it is run here.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: Annotated[
        str, typer.Option("--address", metavar="URL", help="A Ray's dashboard, http://HOST:8265; else a local Ray.")
    ] = "",
    show_config: ShowConfig = False,
) -> None:
    """Run a verb as a Ray job and follow its log; Ctrl-C stops the job.

    The job's machines must reach the paths: a shared folder, or URIs.

    [bold]Examples[/bold]

    ancestral submit -- verify lj

    ancestral submit --address http://head:8265 -- prepare s3://b/lj s3://b/out

    ancestral submit --set metadata.owner=ann -- verify lj
    """
    from jobs.submit import SubmitConfig
    from jobs.submit import submit as run

    chosen = settings(context, SubmitConfig, config, sets, show_config)
    from jobs.cli import parse_verb, refuse_what_no_job_can

    verb = refuse_what_no_job_can(parse_verb(command))
    num_names = len(verb.command_path.split()) - 1 if "address" in verb.params else 0
    raise typer.Exit(run(command, num_names, context.obj, address, Console(), chosen))


@app.command(cls=VerbCommand)
def demo(
    context: typer.Context,
    out: Annotated[str, typer.Argument(metavar="[OUT]", help="The folder that it all goes to.")] = "demo",
) -> None:
    """Do the whole job, small: make a corpus, prepare, train, generate, evaluate, report.

    [bold]Examples[/bold]

    ancestral demo
    """
    from jobs.demo import demo as run

    run(place(context, out), Console())
