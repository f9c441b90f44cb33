"""Verbs of datasets: made of a corpus, checked, shown, and written as others read them."""

from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_options import Address, ConfigFile, ReaderAddress, Sets, ShowConfig, VerbCommand
from jobs.cli_places import place, reader, settings

app = typer.Typer()


@app.command(cls=VerbCommand)
def prepare(
    context: typer.Context,
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="The folder of recordings or pictures.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The dataset's folder: new, or one to go on with.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Make a dataset of a corpus; its layout is found out.

    [bold]Examples[/bold]

    ancestral prepare LJSpeech-1.1 lj

    ancestral prepare fsdd digits --set audio.sample_rate_hz=8000

    ancestral prepare VCTK-Corpus-0.92 vctk --set speech.f0=dio --set split.by=speaker

    ancestral prepare audiobooks pieces --set audio.cut=silence --set audio.level=loudness

    ancestral prepare s3://bucket/cifar s3://bucket/pictures
    """
    from pipeline.preparation.config import PrepareConfig

    chosen = settings(context, PrepareConfig, config, sets, show_config)
    from jobs.cluster import connect
    from jobs.prepare import prepare as run

    with connect(address) as cluster:
        run(place(context, corpus), place(context, out), chosen, cluster, Console())


@app.command(cls=VerbCommand)
def verify(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `prepare` or `generate` made.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: ReaderAddress = "",
    show_config: ShowConfig = False,
) -> None:
    """Check every byte, row and total of a dataset; exit with 1 where something is wrong.

    [bold]Examples[/bold]

    ancestral verify lj

    ancestral verify lj --set 'disjoint=[speakers, texts]'
    """
    from jobs.verify import VerifyConfig
    from jobs.verify import verify as run

    chosen = settings(context, VerifyConfig, config, sets, show_config)
    with reader(address) as cluster:
        num_problems = run(place(context, dataset), Console(), cluster, chosen)
    raise typer.Exit(1 if num_problems else 0)


@app.command(cls=VerbCommand)
def export(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `prepare` or `generate` made.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="A folder: new, or one to go on with.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Write a dataset as others read it: LJSpeech, VCTK, ImageFolder, WebDataset, Hugging Face.

    [bold]Examples[/bold]

    ancestral export spoken lj --set layout=ljspeech

    ancestral export spoken voices --set layout=vctk --set audio=flac

    ancestral export digits pictures --set layout=imagefolder

    ancestral export spoken tars --set layout=webdataset

    ancestral export spoken hub --set layout=huggingface
    """
    from pipeline.outputs.config import ExportConfig

    chosen = settings(context, ExportConfig, config, sets, show_config)
    from jobs.cluster import connect
    from jobs.export import export as run

    with connect(address) as cluster:
        run(place(context, dataset), place(context, out), chosen, cluster, Console())


@app.command(cls=VerbCommand)
def report(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Datasets, models and figures to show.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="The page.")] = "report.html",
    config: ConfigFile = None,
    sets: Sets = None,
    address: ReaderAddress = "",
    show_config: ShowConfig = False,
) -> None:
    """Write one page to look at and listen to; it needs no other file.

    [bold]Examples[/bold]

    ancestral report lj voice spoken --out voice.html

    ancestral report lj voice spoken --set 'title=A voice' --set most_pairs=20
    """
    from pipeline.reports.config import ReportConfig

    chosen = settings(context, ReportConfig, config, sets, show_config)
    from jobs.report import report as run

    with reader(address) as cluster:
        run([place(context, path) for path in paths], place(context, out), Console(), chosen, cluster)
