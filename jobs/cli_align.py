"""`ancestral align`: what can be done with the aligner by itself."""

from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_options import Address, ConfigFile, Sets, ShowConfig, VerbCommand
from jobs.cli_places import place, settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Align phones with speech, and see how well.")


@app.callback()
def align() -> None:
    """Align phones with speech, and see how well."""


@app.command(cls=VerbCommand)
def compare(
    context: typer.Context,
    corpora: Annotated[list[str], typer.Argument(metavar="CORPUS", help="Folders of speech with labels.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Train the aligner on a corpus's texts alone, and print how far its onsets lie from the corpus's labels.

    [bold]Examples[/bold]

    ancestral align compare timit

    ancestral align compare timit LJSpeech-1.1 --set speech.aligner.start=even
    """
    from jobs.align_compare import CompareConfig

    chosen = settings(context, CompareConfig, config, sets, show_config)
    from jobs.align_compare import compare as run
    from jobs.cluster import connect

    with connect(address) as cluster:
        run([place(context, corpus) for corpus in corpora], chosen, cluster, Console())


@app.command(cls=VerbCommand)
def labels(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `prepare` or `generate` made of speech.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The labels' folder: new, or one of this dataset's.")],
    config: ConfigFile = None,
    sets: Sets = None,
    show_config: ShowConfig = False,
) -> None:
    """Write HTS full-context labels of a dataset's rows, a file each: OUT/ITEM.lab.

    [bold]Examples[/bold]

    ancestral align labels lj lj-labels

    ancestral align labels lj lj-states --set num_states=5
    """
    from jobs.align_labels import LabelsConfig
    from jobs.align_labels import labels as run

    chosen = settings(context, LabelsConfig, config, sets, show_config)
    run(place(context, dataset), place(context, out), chosen, Console())
