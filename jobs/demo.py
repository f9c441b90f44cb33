"""`demo`: the whole job, small, on a local Ray: speech with a WaveNet, digits with a PixelCNN.

OUT/corpus-speech, corpus-digits         made on the spot, as plain corpora on disk
OUT/dataset-speech, dataset-digits       prepare
OUT/model-speech, model-digits           train; evaluate puts its pages below them
OUT/requests-speech.jsonl, -digits.jsonl what is asked for: the held-out phrases in every voice, ten of each digit
OUT/generated-speech, generated-digits   generate
OUT/timings.json                         seconds a stage
OUT/report.html                          what to open

The same command again goes on where it stopped; what is done is found done.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console

from jobs.cluster import Cluster, connect
from jobs.demo_requests import digit_requests, speech_requests
from jobs.evaluate import evaluate
from jobs.generate import generate
from jobs.prepare import prepare
from jobs.progress import say
from jobs.recipes import load_recipe
from jobs.report import report
from jobs.train import train
from pipeline.demo_corpus.digits import NUM_COUNTS, DigitsCorpusConfig, make_digits_corpus
from pipeline.demo_corpus.speech import SpeechCorpusConfig, make_speech_corpus
from pipeline.errors import OccupiedError
from pipeline.evaluation.config import EvaluateConfig
from pipeline.generation.config import GenerateConfig
from pipeline.preparation.config import AudioConfig, ImageConfig, PrepareConfig, ShardConfig
from pipeline.reports.subjects import TIMINGS_FORMAT, read_json_object, read_timings
from pipeline.shards.dataset import open_dataset
from pipeline.storage import Location

Result = TypeVar("Result")

HELD_OUT = "test"
"""The split that is evaluated: training has neither learned from it nor chosen a model by it."""


@dataclass(frozen=True)
class DemoConfig:
    """How small the demo is.

    `speech_sets` and `digits_sets` are settings over the recipes demo-wavenet and demo-pixelcnn.
    """

    speech_corpus: SpeechCorpusConfig = field(default_factory=SpeechCorpusConfig)
    digits_corpus: DigitsCorpusConfig = field(default_factory=DigitsCorpusConfig)
    # Telephone quality: half the timesteps of 16 kHz to train on and to draw, and words are still understood.
    sample_rate_hz: int = 8000
    speech_sets: tuple[str, ...] = ()
    digits_sets: tuple[str, ...] = ()
    num_utterances: int = 32
    pictures_per_class: int = 10
    num_actors: int = 2
    # Below 1: a model trained for a minute is unsure where it should be sure, and that sounds as noise.
    temperature: float = 0.8


@dataclass
class Stages:
    """Titles, times and the folder of a demo."""

    out: Location
    console: Console
    cluster: Cluster
    config: DemoConfig
    seconds: dict[str, float] = field(default_factory=dict)
    number: int = 0

    @contextmanager
    def titled(self, title: str) -> Iterator[None]:
        """A rule above the stage's lines."""
        self.number += 1
        self.console.rule(f"[bold]{self.number} of 6[/bold]  {title}", align="left", style="dim")
        yield

    def timed(self, name: str, work: Callable[[], Result]) -> Result:
        """The work, its seconds noted; a rerun that finds it done keeps the seconds that it once took."""
        started = time.monotonic()
        result = work()
        self.seconds[name] = max(self.seconds.get(name, 0.0), time.monotonic() - started)
        page = {"format": TIMINGS_FORMAT, "seconds": self.seconds}
        (self.out / "timings.json").write_text(json.dumps(page, indent=1) + "\n")
        return result


def demo(out: Location, console: Console, config: DemoConfig | None = None) -> Location:
    """Do it all in the folder `out`; returns the report."""
    started = time.monotonic()
    refuse_others(out)
    with connect() as cluster:
        stages = Stages(out, console, cluster, config or DemoConfig(), earlier_seconds(out))
        make_corpora(stages)
        prepare_both(stages)
        train_both(stages)
        generate_both(stages)
        evaluate_both(stages)
        page = write_report(stages)
    say(console, f"\n{(time.monotonic() - started) / 60:.1f} minutes in all. Now open")
    say(console, f"  {page}", style="bold")
    return page


def refuse_others(out: Location) -> None:
    """Write into a new folder, or into one of an earlier demo."""
    names = out.names()
    if out.is_file() or (names and not {"corpus-speech", "timings.json"} & set(names)):
        raise OccupiedError(
            f"{out} already holds something else{': ' + ', '.join(names[:3]) if names else ''}; "
            "expected a new folder, or one of an earlier demo. Choose another: ancestral demo OUT."
        )


def earlier_seconds(out: Location) -> dict[str, float]:
    """What the stages took that an earlier run finished."""
    place = out / "timings.json"
    return read_timings(read_json_object(place), str(place)) if place.is_file() else {}


def make_corpora(stages: Stages) -> None:
    """Speech and digits, as files."""
    config, out = stages.config, stages.out
    with stages.titled("Make two corpora"), stages.console.status("espeak-ng reads aloud"):
        num_utterances = stages.timed(
            "make speech", lambda: make_speech_corpus(out / "corpus-speech", config.speech_corpus)
        )
        num_pictures = stages.timed(
            "make digits", lambda: make_digits_corpus(out / "corpus-digits", config.digits_corpus)
        )
    say(
        stages.console,
        f"speech: {num_utterances} utterances, 4 voices in 2 styles, with the time of every phone\n"
        f"digits: {num_pictures} handwritten digits of 8 x 8 pixels",
    )


def prepare_both(stages: Stages) -> None:
    """Corpora to datasets."""
    speech = PrepareConfig(
        audio=AudioConfig(sample_rate_hz=stages.config.sample_rate_hz), shards=ShardConfig(items_per_shard=64)
    )
    digits = PrepareConfig(image=ImageConfig(num_levels=NUM_COUNTS))
    with stages.titled("Prepare: corpora to datasets"):
        for name, config in (("speech", speech), ("digits", digits)):
            corpus, dataset = stages.out / f"corpus-{name}", stages.out / f"dataset-{name}"
            stages.timed(f"prepare {name}", lambda: prepare(corpus, dataset, config, stages.cluster, stages.console))  # noqa: B023  # called at once


def train_both(stages: Stages) -> None:
    """A small WaveNet given speaker, emotion and phones, and a small PixelCNN given the digit's class."""
    config = stages.config
    with stages.titled("Train a WaveNet and a PixelCNN, each on 2 workers"):
        for name, recipe_name, sets in (
            ("speech", "demo-wavenet", config.speech_sets),
            ("digits", "demo-pixelcnn", config.digits_sets),
        ):
            recipe = load_recipe(recipe_name, None, sets)
            dataset, model = stages.out / f"dataset-{name}", stages.out / f"model-{name}"
            stages.timed(f"train {name}", lambda: train(dataset, model, recipe, stages.cluster, stages.console))  # noqa: B023


def generate_both(stages: Stages) -> None:
    """The held-out phrases in every voice and style, and every digit."""
    config = stages.config
    speech = open_dataset(stages.out / "dataset-speech", "audio")
    digits = open_dataset(stages.out / "dataset-digits", "image")
    requests = {
        "speech": speech_requests(speech, HELD_OUT, config.num_utterances, config.temperature),
        "digits": digit_requests(digits, config.pictures_per_class),
    }
    with stages.titled(f"Generate over {config.num_actors} actors"):
        for name, lines in requests.items():
            place = stages.out / f"requests-{name}.jsonl"
            place.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
            model, made = stages.out / f"model-{name}", stages.out / f"generated-{name}"
            settings = GenerateConfig(num_actors=config.num_actors, items_per_shard=16)
            stages.timed(
                f"generate {name}",
                lambda: generate(model, made, place, settings, stages.cluster, stages.console),  # noqa: B023
            )


def evaluate_both(stages: Stages) -> None:
    """Exact held-out likelihood of both."""
    with stages.titled("Evaluate on held-out items"):
        for name in ("speech", "digits"):
            model, dataset = stages.out / f"model-{name}", stages.out / f"dataset-{name}"
            stages.timed(
                f"evaluate {name}",
                lambda: evaluate(model, dataset, EvaluateConfig(split=HELD_OUT), stages.cluster, stages.console),  # noqa: B023
            )


def write_report(stages: Stages) -> Location:
    """One page on all of it."""
    kinds = ("dataset", "model", "generated")
    paths = [stages.out / f"{kind}-{name}" for name in ("speech", "digits") for kind in kinds]
    with stages.titled("Report"):
        return report([*paths, stages.out / "timings.json"], stages.out / "report.html", stages.console)
