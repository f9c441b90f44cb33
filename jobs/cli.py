"""The command `ancestral`: parses what was typed, calls one verb, and turns every error into one message.

Verbs are imported when they are called, so that `--help` answers at once, without Ray or torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from jobs.align_cli import app as align_app
from jobs.cli_options import EPILOG, Address, ConfigFile, ReaderAddress, Sets, ShowConfig, VerbCommand, version_wanted
from jobs.plan_cli import app as plan_app
from pipeline.errors import ConfigError
from pipeline.storage import Location, locate

Config = TypeVar("Config")

RECIPES = ", ".join(sorted(page.stem for page in (Path(__file__).parent / "recipes").glob("*.yaml")))
"""Read from their names: importing them would import torch, for a help text."""

app = typer.Typer(
    name="ancestral",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(align_app, name="align")
app.add_typer(plan_app, name="plan")


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
def generate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What `train` made.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The dataset's folder: new, or one to go on with.")],
    requests: Annotated[
        str, typer.Option("--requests", metavar="FILE", help="JSON lines, CSV, Parquet or a grid (YAML).")
    ],
    only: Annotated[
        str, typer.Option("--only", metavar="ITEM", help="Make one item again and compare it with its row.")
    ] = "",
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
    if only:
        from jobs.again import make_again

        raise typer.Exit(0 if make_again(checked_work(*given, Console()), only, Console()) else 1)
    with connect(address) as cluster:
        run(*given, cluster, Console())


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
def doctor() -> None:
    """Say what this machine has and lacks: processor, kernels, packages; exit with 1 where something is broken."""
    from jobs.doctor import doctor as run

    raise typer.Exit(1 if run(Console()) else 0)


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
