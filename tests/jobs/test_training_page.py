"""docs/training.md: every recipe that it names is there, and every setting means something."""

import re
from pathlib import Path

import pytest

from jobs.recipes import load_recipe, recipe_data, recipe_names
from jobs.sweep import parse_sweep

PAGE = (Path(__file__).parents[2] / "docs/training.md").read_text()
SETTINGS = re.findall(
    r"`((?:training|execution|telling|num_workers|elastic|min_workers)[a-z_.]*(?:=(?:\[[^\]`]*\]|[^`,\s]+))?)`", PAGE
)


def test_its_recipes_are_there() -> None:
    named = set(re.findall(r"--recipe ([a-z0-9-]+)", PAGE)) | set(re.findall(r"`((?:wavenet|gated)-[a-z-]+)`", PAGE))
    assert len(named) >= 6
    assert named <= set(recipe_names())


@pytest.mark.parametrize("setting", sorted(set(SETTINGS)))
def test_its_settings_mean_something(setting: str) -> None:
    name, _, value = setting.partition("=")
    recipe = load_recipe("wavenet-small", sets=[f"{name}={value}"] if value else [])
    found = recipe
    for part in name.split("."):
        found = getattr(found, part)


def test_many_settings_are_found() -> None:
    assert len(set(SETTINGS)) > 15


def test_its_sweep_is_one() -> None:
    command = re.search(r"ancestral sweep fsdd rates --recipe (\S+) ((?:.|\n)*?)\n\n", PAGE)
    assert command
    sets = [quoted or plain for quoted, plain in re.findall(r"--set (?:'([^']+)'|(\S+))", command[2])]
    sweep = parse_sweep(command[1], *recipe_data(command[1], sets=sets))
    assert sweep.config.num_trials == 12
    assert list(sweep.config.space) == ["training.learning_rate"]
