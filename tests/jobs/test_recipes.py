"""Recipes: every one is complete and builds its model; what is laid over them is checked as strictly as they are."""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.config import parse_yaml, to_yaml
from jobs.recipes import DECIDED_BY_DATASET, Recipe, in_full, load_recipe, parse_recipe, recipe_names
from models import MODELS, build
from models.conditioning import ConditionConfig
from models.pixelcnn_pp import PixelCNNPPConfig
from models.pixelrnn import PixelRNNConfig
from pipeline.conditions import Conditioning
from pipeline.errors import ConfigError
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.storage import Location
from pipeline.training.plan import fit_to_dataset
from pipeline.training.schedule import learning_rate

SMALL = "wavenet-small"


def built(recipe: Recipe) -> Any:
    """The recipe's model for an unconditional dataset of its kind, without memory for weights."""
    settings = dict(recipe.model)
    name = settings.pop("name")
    conventions = AudioConventions(16000) if MODELS[name].kind == "audio" else ImageConventions(32, 32, 3)
    with torch.device("meta"):
        return build(name, fit_to_dataset(name, settings, conventions, Conditioning(), 8))


def test_the_recipes_are_these() -> None:
    assert recipe_names() == [
        "demo-pixelcnn",
        "demo-wavenet",
        "diagonal-bilstm-cifar10",
        "diagonal-bilstm-mnist",
        "diagonal-bilstm-small",
        "gated-pixelcnn-paper",
        "gated-pixelcnn-small",
        "linear-ar",
        "multiscale-paper",
        "multiscale-small",
        "pixelcnn-paper",
        "pixelcnn-pp-cifar10",
        "pixelcnn-pp-small",
        "pixelcnn-small",
        "row-lstm-cifar10",
        "row-lstm-imagenet32",
        "row-lstm-imagenet64",
        "row-lstm-small",
        "wavenet-context",
        "wavenet-context-small",
        "wavenet-emotion",
        "wavenet-emotion-small",
        "wavenet-ibab",
        "wavenet-ibab-small",
        "wavenet-nv",
        "wavenet-nv-small",
        "wavenet-paper",
        "wavenet-r9y9",
        "wavenet-r9y9-small",
        "wavenet-small",
        "wavenet-tts",
        "wavenet-tts-small",
    ]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_builds_its_model_and_is_shown_in_full_and_read_again_as_what_it_is(name: str) -> None:
    recipe = load_recipe(name)
    shown = in_full(recipe)
    missing = {entry.name for entry in fields(MODELS[recipe.model["name"]].config)} - set(shown.model)
    assert missing <= {*DECIDED_BY_DATASET}
    again = parse_recipe(parse_yaml(to_yaml(shown), "shown"), "shown")
    assert replace(again, model=recipe.model) == recipe
    model = built(recipe)
    assert built(again).config == model.config
    assert model.num_parameters() > 10


def test_the_parts_of_a_model_are_shown_in_full_too() -> None:
    shown = in_full(load_recipe("multiscale-small", sets=["model.upscaler.name=pixelcnn_pp"])).model["upscaler"]
    assert (shown["name"], shown["filters"], shown["dropout"]) == ("pixelcnn_pp", 160, 0.5)
    assert not {*DECIDED_BY_DATASET} & {*shown}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_has_a_learning_rate_that_falls_or_stays(name: str) -> None:
    config = load_recipe(name).training
    rates = [learning_rate(config, step) for step in range(0, config.num_steps, max(1, config.num_steps // 500))]
    assert max(rates) <= config.learning_rate
    assert 0 < rates[-1] < config.learning_rate
    top = max(range(len(rates)), key=rates.__getitem__)
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_the_papers_figures() -> None:
    wavenet = built(load_recipe("wavenet-paper"))
    assert wavenet.receptive_field == 5 * 1023 + 1 + 1
    pixelcnn = built(load_recipe("pixelcnn-paper")).config
    assert (pixelcnn.hidden, pixelcnn.num_layers, pixelcnn.first_kernel, pixelcnn.head_channels) == (128, 15, 7, 1024)
    pixelcnn_pp = load_recipe("pixelcnn-pp-cifar10")
    assert replace(built(pixelcnn_pp).config, condition=ConditionConfig()) == PixelCNNPPConfig()
    assert pixelcnn_pp.training.adam_betas == (0.95, 0.9995)
    assert learning_rate(pixelcnn_pp.training, 100_000) == pytest.approx(1e-3 * math.exp(-0.5), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "recurrence", "hidden", "num_layers", "head_channels", "residual", "batch_size"),
    [
        ("row-lstm-cifar10", "row_lstm", 128, 12, 1024, True, 16),
        ("row-lstm-imagenet32", "row_lstm", 384, 12, 1024, True, 64),
        ("row-lstm-imagenet64", "row_lstm", 512, 4, 1024, False, 32),
        ("diagonal-bilstm-cifar10", "diagonal_bilstm", 128, 12, 1024, True, 16),
        ("diagonal-bilstm-mnist", "diagonal_bilstm", 16, 7, 32, True, 16),
    ],
)
def test_pixelrnn_as_in_table_1(
    name: str, recurrence: str, hidden: int, num_layers: int, head_channels: int, residual: bool, batch_size: int
) -> None:
    recipe = load_recipe(name)
    expected = PixelRNNConfig(
        recurrence=recurrence,  # type: ignore[arg-type]
        hidden=hidden,
        num_layers=num_layers,
        head_channels=head_channels,
        residual=residual,
    )
    assert replace(built(recipe).config, condition=ConditionConfig()) == expected
    assert (recipe.training.optimiser, recipe.training.batch_size) == ("rmsprop", batch_size)


def test_what_the_small_recipe_says_of_itself() -> None:
    model = built(load_recipe(SMALL))
    assert model.receptive_field == 511
    assert round(model.num_parameters(), -3) == 205_000


def test_settings_are_laid_over_the_recipe_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  num_stacks: 3\ntraining:\n  seed: 5\n  num_steps: 9\n")
    recipe = load_recipe(SMALL, Location(str(file)), ["training.num_steps=7", "model.dilations=[1, 2]"])
    assert recipe.training.seed == 5
    assert recipe.training.num_steps == 7
    assert recipe.model["num_stacks"] == 3
    assert recipe.model["dilations"] == (1, 2)
    assert recipe.model["residual_channels"] == 32
    before = load_recipe(SMALL)
    assert replace(recipe.training, seed=0, num_steps=before.training.num_steps) == before.training


def test_another_model_brings_its_own_settings() -> None:
    recipe = load_recipe(SMALL, sets=["model.name=linear_ar", "model.order=3"])
    assert recipe.model == {"name": "linear_ar", "order": 3}


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("wavenet-smal", "num_workers=1", r"no recipe is named 'wavenet-smal'. Did you mean wavenet-small\?"),
        (SMALL, "trainin.seed=1", r"unknown setting trainin. Did you mean training\?"),
        (SMALL, "training.steps=1", r"unknown setting training.steps. Did you mean training.\w*steps\?"),
        (SMALL, "model.residual_chanels=1", r"unknown setting model.residual_chanels. .*model.residual_channels\?"),
        (SMALL, "model.name=wavnet", r"model.name is 'wavnet'. Did you mean wavenet\?"),
        (SMALL, "model.gate_channels=7", r"gate_channels holds two equal halves"),
        (SMALL, "training.batch_size=0", r"batch_size must be at least 1, got 0"),
        (SMALL, "training.decay=linear", r"training.decay: .*'halving' or 'exponential'.*got 'linear'"),
        (SMALL, "training.adam_betas=[0.9, 1.0]", r"adam_betas must be at least 0 and below 1, got \[0.9, 1.0\]"),
        (SMALL, "training.adam_betas=[0.9]", r"training.adam_betas"),
        (SMALL, "training.decay_per_step=0", r"decay_per_step must be above 0 and at most 1, got 0"),
        (SMALL, "training.learning_rate=fast", r"training.learning_rate: .*got 'fast'"),
        (SMALL, "num_workers=0", r"num_workers must be at least 1"),
    ],
)
def test_what_is_wrong_is_named(name: str, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(name, sets=[setting])


def test_what_is_wrong_is_blamed_on_what_was_laid_over_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  num_stacks: 3\n")
    with pytest.raises(ConfigError, match=rf"^recipe {SMALL} with --set: unknown setting model.num_stack\."):
        load_recipe(SMALL, sets=["model.num_stack=3"])
    with pytest.raises(ConfigError, match=rf"^{file} with --set: unknown setting model.num_stack\."):
        load_recipe(SMALL, Location(str(file)), ["model.num_stack=3"])
    file.write_text("model:\n  num_stack: 3\n")
    with pytest.raises(ConfigError, match=rf"^{file}: unknown setting model.num_stack\."):
        load_recipe(SMALL, Location(str(file)))


def test_the_schedule_by_hand() -> None:
    config = load_recipe("wavenet-paper").training
    assert learning_rate(config, 0) == pytest.approx(1e-6)
    assert learning_rate(config, 999) == pytest.approx(1e-3)
    assert learning_rate(config, 199_999) == pytest.approx(1e-3)
    assert learning_rate(config, 200_000) == pytest.approx(5e-4)
    cosine = load_recipe(SMALL).training
    middle = cosine.warm_up_steps + (cosine.num_steps - cosine.warm_up_steps) // 2
    assert learning_rate(cosine, middle) == pytest.approx(cosine.learning_rate * (1 + cosine.final_share) / 2)
    assert math.isclose(learning_rate(cosine, cosine.num_steps), cosine.learning_rate * cosine.final_share)
