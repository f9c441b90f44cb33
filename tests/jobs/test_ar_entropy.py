"""A series of known entropy rate, as WAV files through prepare, train and evaluate: the pipeline measures that rate.

An AR(2) process with noise of scale σ, on linear levels Δ apart, has ½ log2(2πe σ²) - log2 Δ bits per timestep. With
σ = 6.4 Δ the quantisation of the past costs another .004 bits, and the held-out part is long enough for .005.
"""

import io
import math
from pathlib import Path

import pytest
import soundfile
import torch
from rich.console import Console

from jobs.cluster import describe
from jobs.evaluate import evaluate
from jobs.prepare import Preparation, prepare
from jobs.recipes import Recipe, load_recipe
from jobs.train import train
from models.linear_process import LinearProcess, simulate
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import Evaluation, conclude
from pipeline.evaluation.likelihood import Scores, parts_of, score_part
from pipeline.model_folder import load_model
from pipeline.preparation.config import AudioConfig, PrepareConfig, ShardConfig
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import survey
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.storage import Location
from pipeline.training.loop import run
from pipeline.training.plan import make_plan

PROCESS = LinearProcess.scalar([1.2, -0.5], noise_scale=0.05)
STEP = 2 / 255
EXPECTED_BITS = PROCESS.entropy_rate_bits - math.log2(STEP)

PREPARATION = PrepareConfig(
    audio=AudioConfig(sample_rate_hz=8000, companding="linear"), shards=ShardConfig(items_per_shard=7)
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Location:
    """Thirty files in the layout of FSDD, 16,000 timesteps each."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "recordings").mkdir()
    for number, series in enumerate(simulate(PROCESS, 30, 16_000, seed=1).squeeze(-1)):
        path = folder / "recordings" / f"{number % 10}_ann_{number // 10}.wav"
        soundfile.write(path, series.numpy(), 8000, subtype="PCM_16")
    return Location(str(folder))


def recipe() -> Recipe:
    sets = ["model.order=2", "training.num_steps=40", "training.window=4096", "num_workers=1"]
    return load_recipe("linear-ar", sets=sets)


def test_the_plain_functions_reach_the_entropy_rate(corpus: Location, tmp_path: Path) -> None:
    data, model = Location(str(tmp_path / "data")), Location(str(tmp_path / "model"))
    prepare_alone(corpus, data)
    assert run(make_plan(open_dataset(data), model, recipe().model, recipe().training))
    assert evaluate_alone(model, open_dataset(data)).bits == pytest.approx(EXPECTED_BITS, rel=0.02)
    fitted = load_model(model).model.coefficients
    assert torch.as_tensor(fitted).tolist() == pytest.approx([1.2, -0.5], abs=0.02)


def prepare_alone(corpus: Location, out: Location) -> None:
    found = survey(corpus, PREPARATION)
    preparation = Preparation(out, PREPARATION, found, Console(file=io.StringIO()))
    preparation.run(lambda plans: (make_shard(out, plan, PREPARATION, found.conventions) for plan in plans))


def evaluate_alone(folder: Location, dataset: Dataset) -> Evaluation:
    exported, config, scores = load_model(folder), EvaluateConfig(), Scores()
    for part in parts_of(dataset, config):
        scores.add(score_part(dataset, part, exported, config))
    return conclude(scores, folder, exported.info, dataset, config.split)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(240)
def test_the_verbs_on_ray_reach_the_entropy_rate(corpus: Location, tmp_path: Path, ray_local: None) -> None:
    data, model = Location(str(tmp_path / "data")), Location(str(tmp_path / "model"))
    cluster, console = describe("local"), Console(file=io.StringIO())
    prepare(corpus, data, PREPARATION, cluster, console)
    train(data, model, recipe(), cluster, console)
    evaluation = evaluate(model, data, EvaluateConfig(), cluster, console)
    assert evaluation.bits == pytest.approx(EXPECTED_BITS, rel=0.02)
    assert evaluation.marginal_bits is not None
    assert evaluation.marginal_bits > EXPECTED_BITS + 0.5
