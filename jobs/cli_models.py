"""Verbs of models: trained, tuned, and measured."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobs.cli_options import Address, ConfigFile, ReaderAddress, Sets, ShowConfig, VerbCommand
from jobs.cli_places import file_place, place, print_config, reader, settings

RECIPES = ", ".join(sorted(page.stem for page in (Path(__file__).parent / "recipes").glob("*.yaml")))
"""Read from their names: importing them would import torch, for a help text."""

app = typer.Typer()


@app.command(cls=VerbCommand)
def train(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `prepare` or `generate` made.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The model's folder: new, or one to go on with.")],
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help=f"A named, complete config: {RECIPES}.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Train a model by a recipe; the best one is left in OUT.

    [bold]Examples[/bold]

    ancestral train lj voice --recipe wavenet-small

    ancestral train lj voice --recipe wavenet-small --set training.num_steps=200

    ancestral train --recipe wavenet-small --show-config
    """
    from jobs.recipes import in_full, load_recipe

    chosen = load_recipe(recipe, file_place(context, config), sets or [])
    if show_config:
        print_config(in_full(chosen))
    from jobs.cluster import connect
    from jobs.train import train as run

    with connect(address) as cluster:
        run(place(context, dataset), place(context, out), chosen, cluster, Console())


@app.command(cls=VerbCommand)
def sweep(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `prepare` or `generate` made.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The sweep's folder: new, or one to go on with.")],
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help="The recipe whose settings are varied.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    r"""Train with many settings, end the hopeless early, and name the best.

    [bold]Examples[/bold]

    ancestral sweep lj rates --recipe wavenet-small --set sweep.num_trials=12 \
        --set 'sweep.space={training.learning_rate: {log_uniform: [0.0003, 0.03]}}'
    """
    from jobs.recipes import recipe_data
    from jobs.sweep import parse_sweep
    from jobs.sweep import sweep as run

    wanted = parse_sweep(recipe, *recipe_data(recipe, file_place(context, config), sets or []))
    if show_config:
        print_config(wanted.config)
    from jobs.cluster import connect

    with connect(address) as cluster:
        run(place(context, dataset), place(context, out), wanted, cluster, Console())


@app.command(cls=VerbCommand)
def evaluate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` made.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Whose held-out items are scored.")],
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Where the figures go, as JSON; else beside the model.")
    ] = None,
    generated: Annotated[
        str | None,
        typer.Option("--generated", metavar="GENERATED", help="What `generate` made by the model, to compare as well."),
    ] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    address: Address = "local",
    show_config: ShowConfig = False,
) -> None:
    """Score held-out items exactly, in bits per timestep or per dimension; compare what was generated with them.

    [bold]Examples[/bold]

    ancestral evaluate voice lj

    ancestral evaluate voice lj --set split=test --generated spoken

    ancestral evaluate voice lj --set split=train --out figures.json
    """
    from pipeline.evaluation.config import EvaluateConfig

    chosen = settings(context, EvaluateConfig, config, sets, show_config)
    from jobs.cluster import connect
    from jobs.evaluate import evaluate as run

    with connect(address) as cluster:
        places = place(context, model), place(context, dataset)
        run(*places, chosen, cluster, Console(), file_place(context, out), file_place(context, generated))


@app.command(cls=VerbCommand)
def requests(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` made.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Whose held-out items are asked for again.")],
    out: Annotated[str, typer.Argument(metavar="FILE.jsonl", help="The requests, one a line, for `generate`.")],
    config: ConfigFile = None,
    sets: Sets = None,
    address: ReaderAddress = "",
    show_config: ShowConfig = False,
) -> None:
    """Ask a model for held-out items again: their phones, times and pitch, or their labels.

    `evaluate --generated` compares what is drawn with the items themselves.

    [bold]Examples[/bold]

    ancestral requests voice lj wishes.jsonl

    ancestral requests voice lj wishes.jsonl --set num_items=20 --set split=test
    """
    from jobs.copy_requests import write_requests as run
    from pipeline.evaluation.against_real.requests import CopyConfig

    chosen = settings(context, CopyConfig, config, sets, show_config)
    with reader(address) as cluster:
        run(place(context, model), place(context, dataset), place(context, out), chosen, Console(), cluster)
