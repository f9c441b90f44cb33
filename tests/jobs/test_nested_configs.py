"""A setting that holds one of several configs: `name` says which, and every mistake is told once, of that one alone."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from jobs.config import load_config, parse_config, parse_yaml, to_yaml
from jobs.recipes import load_recipe
from pipeline.errors import ConfigError
from pipeline.storage import Location


@dataclass(frozen=True)
class Leaf:
    size: int = 1
    shape: tuple[int, ...] = ()
    name: Literal["leaf"] = "leaf"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")


@dataclass(frozen=True)
class Thorn:
    size: float = 0.5
    name: Literal["thorn"] = "thorn"


@dataclass(frozen=True)
class Branch:
    end: "Leaf | Thorn | Branch"
    size: int = 2
    name: Literal["branch"] = "branch"


@dataclass(frozen=True)
class Tree:
    trunk: "Leaf | Thorn | Branch"
    leaves: tuple[Leaf | Thorn, ...] = ()
    named: dict[str, Leaf | Thorn] = field(default_factory=dict)
    plain: Leaf = field(default_factory=Leaf)


TRUNK = "trunk={name: branch, end: {name: branch, end: {name: leaf, size: 3}}}"


def tree(*sets: str) -> Tree:
    return load_config(Tree, None, [TRUNK, *sets])


def test_the_name_decides_at_every_depth() -> None:
    found = tree("trunk.end.end.shape=[1, 2]", "leaves=[{name: thorn}, {name: leaf}]", "named={a: {name: thorn}}")
    assert found == Tree(Branch(Branch(Leaf(3, (1, 2)))), (Thorn(), Leaf()), {"a": Thorn()})
    assert parse_config(Tree, parse_yaml(to_yaml(found), "shown"), "shown") == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trunk.end.sise=1", "unknown setting trunk.end.sise. Did you mean trunk.end.size?"),
        ("trunk.end.end.sise=1", "unknown setting trunk.end.end.sise. Did you mean trunk.end.end.size?"),
        ("trunk.end.end.size=big", "trunk.end.end.size: Input should be a valid integer (got 'big')."),
        ("trunk.end.end.size=0", "trunk.end.end: size must be at least 1, got 0."),
        ("trunk.end.end.shape=[1, a]", "trunk.end.end.shape.1: Input should be a valid integer (got 'a')."),
        ("trunk.end.end.name=lea", "trunk.end.end.name is 'lea'. Did you mean leaf?"),
        ("trunk.end.end.name=qqq", "trunk.end.end.name is 'qqq'. Known here: branch, leaf, thorn."),
        ("trunk.end.end.name=[leaf]", "trunk.end.end.name is ['leaf']. Did you mean leaf?"),
        ("trunk.end={name: thorn, size: a}", "trunk.end.size: Input should be a valid number (got 'a')."),
        ("trunk.end=3", "trunk.end.name: expected one of branch, leaf, thorn, and trunk.end is 3."),
        ("leaves=[{size: 3}]", "leaves.0.name: expected one of leaf, thorn, and none came."),
        ("leaves=[{name: leaf}, {name: leaf, size: a}]", "leaves.1.size: Input should be a valid integer (got 'a')."),
        ("named={a: {name: thorn, size: b}}", "named.a.size: Input should be a valid number (got 'b')."),
        ("named={a: {name: leaf, sise: 1}}", "unknown setting named.a.sise. Did you mean named.a.size?"),
        ("plain.size=0", "plain: size must be at least 1, got 0."),
        ("plain.name=thorn", "plain.name: Input should be 'leaf' (got 'thorn')."),
    ],
)
def test_each_mistake_is_told_once(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tree(text)
    assert str(caught.value) == f"--set: {said}"


def test_another_name_brings_its_own_settings_and_a_first_one_keeps_them() -> None:
    assert tree("trunk={name: leaf}").trunk == Leaf()
    assert tree("trunk.end={name: leaf}").trunk == Branch(Leaf())
    assert tree("plain.size=3", "plain.name=leaf").plain == Leaf(3)


def test_what_is_missing_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^--set: trunk.end: expected a value, and none came.$"):
        load_config(Tree, None, ["trunk={name: branch}"])


SMALL = "multiscale-small"


def model(*sets: str) -> dict[str, Any]:
    return load_recipe(SMALL, sets=sets).model


def test_settings_are_laid_over_those_of_a_part() -> None:
    before, after = model(), model("model.base.hidden=8")
    assert after["base"] == {**before["base"], "hidden": 8}
    assert after["upscaler"] == before["upscaler"]


def test_another_part_brings_its_own_settings() -> None:
    assert model("model.base.name=pixelcnn", "model.base.hidden=8")["base"] == {"name": "pixelcnn", "hidden": 8}
    assert model("model.base={name: pixelcnn, kernel: 5}")["base"] == {"name": "pixelcnn", "kernel": 5}
    assert "num_layers" in model("model.base={name: gated_pixelcnn, kernel: 5}")["base"]


def test_a_file_may_name_another_part(tmp_path: Any) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  base: {name: multiscale, base: {name: pixelcnn}, upscaler: {name: gated_pixelcnn}}\n")
    base = load_recipe(SMALL, Location(str(file)), ["model.base.base.hidden=4"]).model["base"]
    assert base == {
        "name": "multiscale",
        "base": {"name": "pixelcnn", "hidden": 4},
        "upscaler": {"name": "gated_pixelcnn"},
    }


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.name=[1]", "model.name is [1]. Known here: gated_pixelcnn"),
        ("model.base.hiden=8", "unknown setting model.base.hiden. Did you mean model.base.hidden?"),
        ("model.base.name=pixlcnn", "model.base.name is 'pixlcnn'. Did you mean pixelcnn?"),
        ("model.upscaler.name=multiscale", "model.upscaler.name is 'multiscale'. Known here: gated_pixelcnn, pixelcnn"),
        ("model.base.num_layers=0", "model multiscale: base: expected num_layers of 1 or more, got 0."),
        ("model.base.hidden=wide", "model multiscale: base.hidden: Input should be a valid integer (got 'wide')."),
        ("model.factor=1", "model multiscale: expected a factor of 2 or more from one scale to the next, got 1."),
    ],
)
def test_what_is_wrong_in_a_recipe_is_told_once(setting: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model(setting)
    assert str(caught.value).startswith(f"recipe {SMALL} with --set: {said}")
    assert "Config" not in str(caught.value)
