"""Verbs that draw from a model."""

from typing import Annotated, Any

import typer
from rich.console import Console

from jobs.cli_options import Address, ConfigFile, Sets, ShowConfig, VerbCommand
from jobs.cli_places import place, settings

app = typer.Typer()


@app.command(cls=VerbCommand)
def generate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` made.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The dataset's folder: new, or one to go on with.")],
    requests: Annotated[
        str, typer.Option("--requests", metavar="FILE", help="JSON lines, CSV, Parquet or a grid (YAML).")
    ],
    only: Annotated[
        str | None, typer.Option("--only", metavar="ITEM", help="Make one item again and compare it with its row.")
    ] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Sample a dataset from a model, one item for each that is requested.

    [bold]Examples[/bold]

    ancestral generate voice spoken --requests wishes.jsonl

    ancestral generate voice spoken --requests wishes.jsonl --set export=files

    ancestral generate voice spoken --requests grid.yaml --only jackson-3-0007
    """
    from pipeline.generation.config import GenerateConfig

    chosen = settings(context, GenerateConfig, config, sets, show_config)
    from jobs.cluster import connect
    from jobs.generate import generate as run
    from jobs.generation_work import checked_work, with_places

    given = place(context, model), place(context, out), place(context, requests), with_places(chosen, context.obj)
    if only is not None:
        from jobs.again import make_again

        raise typer.Exit(0 if make_again(checked_work(*given, Console()), only, Console()) else 1)
    with connect(address) as cluster:
        run(*given, cluster, Console())


@app.command(cls=VerbCommand)
def say(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` made, told of phones.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What it is to say.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="A .wav or .flac; a .png beside it. Written over.")],
    speaker: Annotated[str | None, typer.Option(metavar="NAME", help="One that the model knows.")] = None,
    emotion: Annotated[str | None, typer.Option(metavar="NAME", help="The same.")] = None,
    language: Annotated[str | None, typer.Option(metavar="TAG", help="That the text is read in; else en-us.")] = None,
    label: Annotated[str | None, typer.Option(metavar="NAME", help="For a model that is told labels too.")] = None,
    rate: Annotated[float | None, typer.Option(metavar="X", help="How fast, 1 as in training.")] = None,
    duration: Annotated[float | None, typer.Option(metavar="SECONDS", help="How long, instead.")] = None,
    f0: Annotated[float | None, typer.Option(metavar="HZ", help="A monotone, for a model that is told F0.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, another recording.")] = 0,
    temperature: Annotated[float, typer.Option(metavar="X", help="Below 1 it keeps to what is likely.")] = 1.0,
    config: ConfigFile = None,
    sets: Sets = None,
    show_config: ShowConfig = False,
) -> None:
    """Say a text: a recording, and a picture of its spectrogram, phones and F0.

    [bold]Examples[/bold]

    ancestral say voice "Hello there." hello.wav --speaker LJ

    ancestral say voice "Hello there." slow.flac --speaker LJ --rate 0.8 --seed 7
    """
    from pipeline.generation.config import GenerateConfig

    chosen = settings(context, GenerateConfig, config, sets, show_config)
    from jobs.say import say as run

    asked: dict[str, Any] = {"speaker": speaker, "emotion": emotion, "language": language, "label": label}
    asked |= {"rate": rate, "duration_s": duration, "f0_hz": f0}
    wish = {key: value for key, value in asked.items() if value is not None}
    wish |= {"text": text, "seed": seed, "temperature": temperature}
    run(place(context, model), place(context, out), wish, chosen, Console())
