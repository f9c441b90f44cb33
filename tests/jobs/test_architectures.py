"""Every published architecture is a recipe with its published figures, and has a small form that goes all the way.

The rows are those of the literature: a model as one paper or one widely used implementation has it.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest

from jobs.recipes import load_recipe, recipe_names
from models import MODELS
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import load_model
from pipeline.shards.dataset import Dataset, claim, finish
from pipeline.storage import Location
from pipeline.training.loop import run
from pipeline.training.plan import make_plan
from tests.pipeline.training.datasets import audio_dataset, image_dataset

TEN = tuple(2**i for i in range(10))


@dataclass(frozen=True)
class Published:
    """A recipe, and what its source publishes of the network and of its training."""

    recipe: str
    model: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """An architecture: its recipes as published, and the one for a laptop."""

    architecture: str
    published: tuple[Published, ...]
    small: str


PIXELRNN = {"head_channels": 1024, "first_kernel": 7}
ROW_LSTM = {"recurrence": "row_lstm", **PIXELRNN}
RMSPROP = {"optimiser": "rmsprop", "batch_size": 16}
ARCHITECTURES = (
    Row("AR(p)", (), "linear-ar"),
    Row("WaveNet", (Published("wavenet-paper", {"num_levels": 256, "dilations": TEN}),), "wavenet-small"),
    Row("WaveNet with context stacks", (Published("wavenet-context", {}),), "wavenet-context-small"),
    Row(
        "WaveNet, speech from text",
        (
            Published(
                "wavenet-tts",
                {"num_levels": 256, "dilations": TEN},
                {"condition_on": ("speaker", "phones", "linguistic", "f0")},
            ),
        ),
        "wavenet-tts-small",
    ),
    Row(
        "WaveNet, told of the emotion",
        (
            Published(
                "wavenet-emotion", {"num_levels": 256, "dilations": TEN}, {"condition_on": ("speaker", "emotion")}
            ),
        ),
        "wavenet-emotion-small",
    ),
    Row(
        "WaveNet, widely used, k = 2",
        (
            Published(
                "wavenet-ibab",
                {
                    "dilations": TEN,
                    "num_stacks": 5,
                    "kernel_size": 2,
                    "input_kernel_size": 2,
                    "residual_channels": 32,
                    "gate_channels": 64,
                    "skip_channels": 512,
                },
                {"optimiser": "adam"},
            ),
        ),
        "wavenet-ibab-small",
    ),
    Row(
        "WaveNet, widely used, k = 3",
        (
            Published(
                "wavenet-r9y9",
                {
                    "dilations": TEN,
                    "num_stacks": 3,
                    "kernel_size": 3,
                    "input_kernel_size": 1,
                    "residual_channels": 128,
                    "gate_channels": 256,
                    "skip_channels": 128,
                },
                {
                    "optimiser": "adam",
                    "learning_rate": 1e-3,
                    "decay": "halving",
                    "halve_every_steps": 200_000,
                    "batch_size": 8,
                    "window": 10_240,
                    "ema_decay": 0.9999,
                },
            ),
        ),
        "wavenet-r9y9-small",
    ),
    Row(
        "WaveNet, fused-kernel reference",
        (
            Published(
                "wavenet-nv",
                {
                    "kernel_size": 2,
                    "input_kernel_size": 1,
                    "residual_channels": 64,
                    "skip_channels": 256,
                    "head_channels": 256,
                },
                {"batch_size": 8, "window": 16_000, "learning_rate": 1e-3},
            ),
        ),
        "wavenet-nv-small",
    ),
    Row(
        "PixelCNN",
        (Published("pixelcnn-paper", {"num_layers": 15, "kernel": 3, "hidden": 128, **PIXELRNN}, RMSPROP),),
        "pixelcnn-small",
    ),
    Row(
        "Row LSTM",
        (
            Published("row-lstm-cifar10", {"num_layers": 12, "row_kernel": 3, "hidden": 128, **ROW_LSTM}, RMSPROP),
            Published("row-lstm-imagenet32", {"num_layers": 12, "row_kernel": 3, "hidden": 384, **ROW_LSTM}),
            Published("row-lstm-imagenet64", {"num_layers": 4, "residual": False, "hidden": 512, **ROW_LSTM}),
        ),
        "row-lstm-small",
    ),
    Row(
        "Diagonal BiLSTM",
        (
            Published(
                "diagonal-bilstm-cifar10",
                {"recurrence": "diagonal_bilstm", "num_layers": 12, "hidden": 128, **PIXELRNN},
                RMSPROP,
            ),
            Published(
                "diagonal-bilstm-mnist",
                {"recurrence": "diagonal_bilstm", "num_layers": 7, "hidden": 16, "head_channels": 32},
                RMSPROP,
            ),
        ),
        "diagonal-bilstm-small",
    ),
    Row("Multi-scale", (Published("multiscale-paper", {}),), "multiscale-small"),
    Row(
        "Gated PixelCNN",
        (Published("gated-pixelcnn-paper", {"num_layers": 20, "kernel": 5, "hidden": 384}, {"batch_size": 128}),),
        "gated-pixelcnn-small",
    ),
    Row(
        "PixelCNN++",
        (
            Published(
                "pixelcnn-pp-cifar10",
                {"filters": 160, "num_resnets": 5, "num_resolutions": 3, "num_components": 10, "dropout": 0.5},
                {
                    "optimiser": "adam",
                    "learning_rate": 1e-3,
                    "adam_betas": (0.95, 0.9995),
                    "decay": "exponential",
                    "decay_per_step": 0.999995,
                    "ema_decay": 0.9995,
                },
            ),
        ),
        "pixelcnn-pp-small",
    ),
)
PUBLISHED = [published for row in ARCHITECTURES for published in row.published]
SMALL = [row.small for row in ARCHITECTURES]


def test_every_recipe_belongs_to_an_architecture() -> None:
    listed = {published.recipe for published in PUBLISHED} | set(SMALL)
    assert listed == {name for name in recipe_names() if not name.startswith("demo-")}
    assert {load_recipe(name).model["name"] for name in SMALL} == MODELS.keys()


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.recipe)
def test_a_recipe_has_the_published_figures(published: Published) -> None:
    recipe = load_recipe(published.recipe)
    defaults = {entry.name: entry.default for entry in fields(MODELS[recipe.model["name"]].config)}
    settings = {**defaults, **recipe.model}
    assert {key: settings[key] for key in published.model} == published.model
    training = asdict(recipe.training)
    assert {key: training[key] for key in published.training} == published.training


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder = tmp_path_factory.mktemp("data")
    return {"audio": audio_dataset(folder / "audio"), "image": image_dataset(folder / "image")}


@pytest.mark.parametrize("name", SMALL)
def test_the_small_form_builds_trains_and_samples(name: str, datasets: dict[str, Dataset], tmp_path: Path) -> None:
    recipe = load_recipe(name)
    kind = MODELS[recipe.model["name"]].kind
    offered = set(datasets[kind].info.tally.vocabularies) | {"phones"}
    short = replace(
        recipe.training,
        condition_on=tuple(column for column in recipe.training.condition_on if column in offered),
        num_steps=2,
        batch_size=2,
        window=64,
        validate_every=2,
        validation_items=1,
        checkpoint_every=2,
    )
    out = Location(str(tmp_path / "model"))
    assert run(make_plan(datasets[kind], out, recipe.model, short))
    length = '"num_timesteps": 24' if kind == "audio" else '"count": 1'
    if "phones" in short.condition_on:
        length = '"phones": [["a", 0.003]]'
    label = ', "label": "1"' if "label" in short.condition_on else ""
    speaker = ', "speaker": "ann"' if "speaker" in short.condition_on else ""
    assert items_drawn(out, Location(str(tmp_path / "drawn")), "{" + length + label + speaker + "}") == 1


def items_drawn(model: Location, folder: Location, line: str) -> int:
    """How many items one line of a request file makes, drawn from an exported model into a finished dataset."""
    exported, config = load_model(model), GenerateConfig(num_lanes=8)
    request = parse_request(line, 1, Target(exported.info.conventions, exported.info.conditioning, 1000), "line 1")
    claim(folder, "generate", {})
    plans = list(shard_plans([request], exported.info.digest, config))
    for plan in plans:
        generate_shard(folder, plan, exported, config)
    return sum(finish(folder, [plan.name for plan in plans], exported.info.conventions, {}).tally.num_rows.values())
