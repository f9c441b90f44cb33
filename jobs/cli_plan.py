"""`ancestral plan`: what a run would take, measured for a few seconds on this machine, before anything is spent."""

import time
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_options import Address, ConfigFile, Sets, ShowConfig, VerbCommand
from jobs.cli_places import place, print_config, settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Say what a run would take; nothing is written.")

Seconds = Annotated[float, typer.Option("--seconds", min=0.5, metavar="S", help="How long to measure.")]
Out = Annotated[str | None, typer.Argument(metavar="[OUT]", help="Where it would go: is there room for it?")]
Price = Annotated[float, typer.Option("--price-per-hour", min=0.0, metavar="P", help="Of all machines together.")]


@app.callback()
def plan() -> None:
    """Say what a run would take; nothing is written."""


@app.command(cls=VerbCommand)
def generate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` made.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="Where the dataset would go.")],
    requests: Annotated[
        str, typer.Option("--requests", metavar="FILE", help="JSON lines, CSV, Parquet or a grid (YAML).")
    ],
    seconds: Seconds = 5.0,
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Items, shards, memory, bytes, time and cost of a generation: its own first shards are drawn, and thrown away.

    [bold]Examples[/bold]

    ancestral plan generate voice spoken --requests grid.yaml

    ancestral plan generate voice spoken --requests grid.yaml --set price_per_hour=2.5
    """
    begun = time.monotonic()
    from pipeline.generation.config import GenerateConfig

    chosen = settings(context, GenerateConfig, config, sets, show_config)
    from jobs.cluster import connect
    from jobs.generation_work import checked_work, with_places
    from jobs.plan_generate import plan_generate

    places = place(context, model), place(context, out), place(context, requests)
    with connect(address) as cluster:
        work = checked_work(*places, with_places(chosen, context.obj), Console())
        plan_generate(work, seconds, begun, cluster, Console())


@app.command(cls=VerbCommand)
def prepare(
    context: typer.Context,
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="The folder of recordings or pictures.")],
    out: Out = None,
    seconds: Seconds = 5.0,
    price_per_hour: Price = 0.0,
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Items, shards, memory, bytes, time and cost of a preparation: some items of the corpus are prepared for it.

    [bold]Examples[/bold]

    ancestral plan prepare LJSpeech-1.1 lj --set audio.sample_rate_hz=16000
    """
    from pipeline.preparation.config import PrepareConfig

    chosen = settings(context, PrepareConfig, config, sets, show_config)
    from jobs.cluster import connect
    from jobs.plan_prepare import plan_prepare

    where = place(context, out) if out else None
    with connect(address) as cluster:
        plan_prepare(place(context, corpus), chosen, (seconds, price_per_hour), cluster, Console(), where)


@app.command(cls=VerbCommand)
def train(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `prepare` or `generate` made.")],
    out: Out = None,
    *,
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help="A named, complete config.")],
    seconds: Seconds = 10.0,
    price_per_hour: Price = 0.0,
    config: ConfigFile = None,
    sets: Sets = None,
    show_config: ShowConfig = False,
) -> None:
    """Steps, epochs, memory, bytes, time and cost of a training: its own first steps are taken, in one process.

    [bold]Examples[/bold]

    ancestral plan train lj voice --recipe wavenet-small
    """
    from jobs.recipes import in_full, load_recipe

    file = place(context, config) if config else None
    chosen = load_recipe(recipe, file, sets or [])
    if show_config:
        print_config(in_full(chosen))
    from jobs.plan_train import plan_train

    where = place(context, out) if out else None
    plan_train(place(context, dataset), chosen, (seconds, price_per_hour), Console(), where)
