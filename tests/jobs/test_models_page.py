"""docs/models.md says of each recipe what it builds."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.recipes import load_recipe, recipe_names
from models import MODELS, build
from pipeline.conditions import Conditioning
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.training.plan import fit_to_dataset

PAGE = (Path(__file__).parents[2] / "docs/models.md").read_text()
ROWS = re.findall(r"^\|[^|]+\| `([a-z0-9-]+)` \| ([\d,]+) \| `([a-z0-9-]+)` \|$", PAGE, re.MULTILINE)


def test_the_page_has_all_models_and_recipes() -> None:
    assert set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)) == set(MODELS)
    named = {recipe for published, _, small in ROWS for recipe in (published, small)}
    assert named | {"demo-wavenet", "demo-pixelcnn"} == set(recipe_names())


@pytest.mark.parametrize(("recipe", "weights"), [(recipe, weights) for recipe, weights, _ in ROWS])
def test_its_weights_are_those_of_the_recipe(recipe: str, weights: str) -> None:
    settings = dict(load_recipe(recipe).model)
    name = settings.pop("name")
    conventions = AudioConventions(16000) if MODELS[name].kind == "audio" else ImageConventions(32, 32, 3)
    with torch.device("meta"):
        model = build(name, fit_to_dataset(name, settings, conventions, Conditioning(), 32))
    assert f"{model.num_parameters():,}" == weights


def test_its_python_runs() -> None:
    names: dict[str, Any] = {}
    lines = re.findall(r"^    (\S.*)$", PAGE.replace("1600", "20").replace(":800", ":10"), re.MULTILINE)
    exec("\n".join(lines), names)
    assert names["kept"].levels.shape == (2, 20)
    assert names["order"] == 2
    assert names["fitted"].coefficients.flatten().tolist() == pytest.approx([1.6, -0.81], abs=0.02)
    assert round(names["process"].entropy_rate_bits, 2) == 0.31
