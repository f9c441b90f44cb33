"""Real corpora the whole way: prepare, train, generate, evaluate, verify. The models are tiny.

All are prepared on the shared Ray. They go on in this process, by the same verbs and functions: what is left of a
corpus in its dataset knows nothing of Ray. The demo goes on there with waveforms and pictures, and so does one of these
where long tests are asked for.
"""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from jobs.cluster import Cluster, connect
from jobs.evaluate import Job, evaluate
from jobs.generate import generate
from jobs.generation_run import Run
from jobs.prepare import prepare
from jobs.recipes import load_recipe
from jobs.train import train
from jobs.verify import verify
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.likelihood import Scores, parts_of, score_part
from pipeline.generation.config import GenerateConfig
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import load_model
from pipeline.preparation.config import AudioConfig, ImageConfig, PrepareConfig, SpeechConfig
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.storage import Location
from pipeline.training.loop import run

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120), pytest.mark.usefixtures("ray_local")]

TRAINING = (
    "num_workers=1",
    "training.num_steps=3",
    "training.validate_every=3",
    "training.checkpoint_every=3",
    "training.validation_items=2",
)
TINY_WAVENET = (
    "model.residual_channels=8",
    "model.gate_channels=8",
    "model.skip_channels=8",
    "model.head_channels=8",
    "model.dilations=[1,2,4]",
    "model.num_stacks=1",
    "training.window=256",
    "training.batch_size=2",
    *TRAINING,
)
TINY_PIXELCNN = (
    "model.hidden=4",
    "model.num_layers=1",
    "model.head_channels=4",
    "training.batch_size=4",
    *TRAINING,
)


@dataclass(frozen=True)
class Way:
    """A corpus, how it is prepared and what is trained on it."""

    corpus: str
    config: PrepareConfig
    recipe: str
    sets: tuple[str, ...]
    condition_on: str
    num_rows: int
    goes_on_ray: bool = False


FAR_DOWN = AudioConfig(sample_rate_hz=4000)
"""A book's sentences last seconds; at a quarter of their rate they are scored in a moment."""

WAYS = (
    Way(
        "fsdd",
        PrepareConfig(audio=AudioConfig(sample_rate_hz=8000), speech=SpeechConfig(phones="off")),
        "wavenet-small",
        TINY_WAVENET,
        "label",
        600,
    ),
    Way(
        "LJSpeech-1.1",
        PrepareConfig(audio=FAR_DOWN),
        "wavenet-small",
        TINY_WAVENET,
        "phones",
        40,
    ),
    Way(
        "mnist", PrepareConfig(image=ImageConfig(14, 14, num_levels=4)), "pixelcnn-small", TINY_PIXELCNN, "label", 5000
    ),
    Way(
        "cifar10-png",
        PrepareConfig(image=ImageConfig(8, 8, num_levels=8)),
        "pixelcnn-small",
        TINY_PIXELCNN,
        "label",
        3000,
    ),
)


ALONGSIDE = ("fsdd", "cifar10-png")
"""The other two go a way like theirs, so these are left to the long tests."""

ON_RAY = replace(WAYS[1], goes_on_ray=True)


def request_of(dataset: Dataset, condition_on: str) -> dict[str, object]:
    """Two items of what the first row says or shows; a twentieth of a second of it where it sounds."""
    row = next(iter(dataset.tables())).slice(0, 1).to_pylist()[0]
    if condition_on == "phones":
        return {"phones": [[phone, 0.02] for phone in row["phone"][:5]], "count": 2}
    length = {"num_timesteps": 400} if dataset.info.conventions.kind == "audio" else {}
    return {condition_on: row[condition_on], **length, "count": 2}


@pytest.mark.parametrize(
    "way",
    [
        *(pytest.param(way, id=way.corpus, marks=[pytest.mark.slow] * (way.corpus in ALONGSIDE)) for way in WAYS),
        pytest.param(ON_RAY, id=f"{ON_RAY.corpus} on Ray", marks=pytest.mark.slow),
    ],
)
def test_a_real_corpus_goes_the_whole_way(
    way: Way, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, root = Location(str(shared_data / way.corpus)), Location(str(tmp_path))
    console = Console(file=io.StringIO(), width=160)
    with connect() as cluster:
        info = prepare(corpus, root / "data", way.config, cluster, console)
        assert (info.num_rows, info.num_failures) == (way.num_rows, 0)
        if not way.goes_on_ray:
            stay_in_this_process(monkeypatch)
        go_on(way, root, cluster, console)


def stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers would do is done here."""
    monkeypatch.setattr("jobs.train.Training", lambda plan, *_: SimpleNamespace(run=lambda: run(plan)))
    monkeypatch.setattr("jobs.generate.draw", draw_here)
    monkeypatch.setattr("jobs.evaluate.score_all", score_here)


def draw_here(run: Run, num_actors: int) -> None:
    for plan in run.pending():
        run.drawn(generate_shard(run.work.out, plan, load_model(run.work.model), run.work.config))


def score_here(job: Job, dataset: Dataset, cluster: Cluster, console: Console) -> Scores:
    scores = Scores()
    for part in parts_of(dataset, job.config):
        scores.add(score_part(dataset, part, load_model(job.model), job.config))
    return scores


def go_on(way: Way, root: Location, cluster: Cluster, console: Console) -> None:
    """From the dataset to what a model drew, checked by what each stage leaves behind."""
    recipe = load_recipe(way.recipe, None, (*way.sets, f"training.condition_on=[{way.condition_on}]"))
    trained = train(root / "data", root / "model", recipe, cluster, console)
    dataset = open_dataset(root / "data")
    assert trained.lineage["dataset_digest"] == dataset.info.digest

    (root / "requests.jsonl").write_text(json.dumps(request_of(dataset, way.condition_on)) + "\n")
    config = GenerateConfig(num_actors=1, num_lanes=8)
    made = generate(root / "model", root / "made", root / "requests.jsonl", config, cluster, console)
    assert (made.num_rows, made.conventions) == (2, dataset.info.conventions)

    held_out = "test" if dataset.info.tally.num_rows.get("test") else "validation"
    found = evaluate(root / "model", root / "data", EvaluateConfig(split=held_out), cluster, console)
    assert found.num_items == dataset.info.tally.num_rows[held_out]
    assert 0 < found.bits < 2 * found.uniform_bits

    assert verify(root / "data", console) == 0
    assert verify(root / "made", console) == 0
