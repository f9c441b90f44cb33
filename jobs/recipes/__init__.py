"""Named, complete configs for `ancestral train`: one YAML file each, beside this one.

A recipe names a model with those of its settings that the dataset does not decide, how it is trained, and on how many
workers. Settings that follow from the dataset (levels, colours, speakers, phones) are left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from typing import Any

from jobs.config import origin, overlay, parse_config, parse_set, parse_yaml, read_yaml, refuse_unknown_keys, suggestion
from models import MODELS
from pipeline.errors import ConfigError
from pipeline.plain_configs import from_plain, named_settings
from pipeline.storage import Location
from pipeline.training.config import TrainingConfig
from pipeline.training.execution import ExecutionConfig
from pipeline.training.telling import TellingConfig

DECIDED_BY_DATASET = ("num_levels", "channels", "condition")
"""Settings of models that a recipe leaves out."""


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how. `model` holds `name` and the model's own settings.

    `num_workers` changes how long it takes and not what comes out (but for rounding): a run may go on with more or
    fewer. A cluster that has fewer places gets fewer workers. An `elastic` run goes on with no more than `min_workers`
    when machines are lost, and takes more, up to `num_workers`, when they come. `execution` is how each of them works,
    `telling` what is told of it; neither changes the outcome.
    """

    model: dict[str, Any]
    training: TrainingConfig = field(default_factory=TrainingConfig)
    num_workers: int = 2
    elastic: bool = False
    min_workers: int = 1
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    telling: TellingConfig = field(default_factory=TellingConfig)

    def __post_init__(self) -> None:
        if self.num_workers < 1:
            raise ValueError(f"num_workers must be at least 1, got {self.num_workers}")
        if not 1 <= self.min_workers <= self.num_workers:
            raise ValueError(f"min_workers must be from 1 to num_workers ({self.num_workers}), got {self.min_workers}")


def recipe_names() -> list[str]:
    """The recipes that there are."""
    return sorted(page.name.removesuffix(".yaml") for page in files(__name__).iterdir() if page.name.endswith(".yaml"))


def load_recipe(name: str, file: Location | None = None, sets: Iterable[str] = ()) -> Recipe:
    """A recipe by its name, a YAML file laid over it, and `a.b=c` settings over both; ConfigError for what is unknown.

    A file that names another model than the recipe does, the whole or a part of it, brings that one's settings, all of
    them.
    """
    return parse_recipe(*recipe_data(name, file, sets))


def recipe_data(name: str, file: Location | None = None, sets: Iterable[str] = ()) -> tuple[dict[str, Any], str]:
    """The same as plain values, not parsed yet, and what an error in them is to blame."""
    if name not in recipe_names():
        raise ConfigError(f"no recipe is named {name!r}. {suggestion(name, recipe_names())}")
    data = parse_yaml(files(__name__).joinpath(f"{name}.yaml").read_text("utf-8"), f"recipe {name}")
    if file:
        data = overlay(data, read_yaml(file))
    settings = tuple(sets)
    for setting in settings:
        data = overlay(data, parse_set(setting))
    return data, origin(str(file) if file else f"recipe {name}", settings)


def parse_recipe(data: Mapping[str, Any], where: str) -> Recipe:
    """Plain values to a recipe, its model's settings checked as strictly as the others."""
    recipe = parse_config(Recipe, data, where)
    settings = dict(recipe.model)
    name = settings.pop("name", None)
    if str(name) not in MODELS:
        raise ConfigError(f"{where}: model.name is {name!r}. {suggestion(str(name), MODELS)}")
    config_type = MODELS[name].config
    refuse_unknown_keys(config_type, settings, where, "model.")
    parsed = parse_config(config_type, settings, f"{where}: model {name}")
    return replace(recipe, model={"name": name, **as_given(parsed, settings)})


def as_given(config: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a config's values that were given, as they were parsed: of its parts, too, no more than that."""
    parsed = {key: getattr(config, key) for key in settings}
    return {
        key: as_given(value, settings[key]) if key in named_settings(type(config)) else value
        for key, value in parsed.items()
    }


def in_full(recipe: Recipe) -> Recipe:
    """The same recipe with every setting of its model, the defaults too; what the dataset decides stays out."""
    settings = dict(recipe.model)
    name = settings.pop("name")
    return replace(recipe, model=every_setting(name, from_plain(MODELS[name].config, settings), settings))


def every_setting(name: str, config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """A config's values, its name first; of its parts too."""
    keys = [entry.name for entry in fields(config) if entry.name in given or entry.name not in DECIDED_BY_DATASET]
    values = {"name": name, **{key: getattr(config, key) for key in keys}}
    parts = {key: every_setting(values[key].name, values[key], given[key]) for key in named_settings(type(config))}
    return {**values, **parts}
