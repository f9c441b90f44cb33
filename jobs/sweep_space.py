"""What a sweep varies: settings of a recipe by their dotted names, and how each trial's are drawn.

space:
training.learning_rate: {log_uniform: [0.0001, 0.01]}
model.residual_channels: {choice: [32, 64]}
training.batch_size: {integer: [4, 16]}
training.final_share: {uniform: [0.0, 0.1]}
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.config import suggestion
from pipeline.errors import ConfigError

Draw = Callable[[random.Random, Sequence[Any]], Any]


def log_uniform(chance: random.Random, bounds: Sequence[Any]) -> float:
    """Between two numbers above 0, every factor as likely as another."""
    return math.exp(chance.uniform(math.log(bounds[0]), math.log(bounds[1])))


WAYS: Mapping[str, Draw] = {
    "choice": lambda chance, values: chance.choice(list(values)),
    "uniform": lambda chance, bounds: chance.uniform(bounds[0], bounds[1]),
    "log_uniform": log_uniform,
    "integer": lambda chance, bounds: chance.randint(bounds[0], bounds[1]),
}


@dataclass(frozen=True)
class SweepConfig:
    """How a sweep goes.

    `space` says what is varied; with one seed the trials are the same. Each trial is an ordinary training by one
    worker. Asynchronous successive halving (ASHA; Li et al. 2018) lets one in `reduction` of them go on past
    `grace_steps`, one in `reduction` of these past `reduction` times as many, and so on: the ones whose held-out bits
    are the best so far. It decides at validations, so `training.validate_every` must not be above `grace_steps`.
    """

    space: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    num_trials: int = 16
    seed: int = 0
    grace_steps: int = 1000
    # That of the paper; 4 is usual too. The larger, the fewer trials are taken far.
    reduction: int = 3

    def __post_init__(self) -> None:
        if min(self.num_trials, self.grace_steps) < 1 or self.reduction < 2:
            raise ValueError(
                "num_trials and grace_steps must be at least 1 and reduction at least 2, got "
                f"{self.num_trials}, {self.grace_steps} and {self.reduction}"
            )
        for name, way in self.space.items():
            check_way(name, way)


def check_way(name: str, way: Mapping[str, Sequence[Any]]) -> None:
    """A ValueError unless it is one of the ways, with what that needs."""
    if len(way) != 1:
        raise ValueError(f"space.{name}: expected one of {', '.join(WAYS)}, got {dict(way)}")
    ((kind, values),) = way.items()
    if kind not in WAYS:
        raise ValueError(f"space.{name}: {kind} is no way to vary a setting. {suggestion(kind, WAYS)}")
    if kind == "choice":
        if not values:
            raise ValueError(f"space.{name}: choice needs at least one value")
        return
    numbers = (int,) if kind == "integer" else (int, float)  # and no truth values, which are numbers to Python
    are_numbers = len(values) == 2 and all(type(value) in numbers for value in values)
    if not are_numbers or not -math.inf < values[0] <= values[1] < math.inf:
        raise ValueError(f"space.{name}: {kind} needs two numbers, the smaller first, got {values}")
    if kind == "log_uniform" and values[0] <= 0:
        raise ValueError(f"space.{name}: log_uniform needs numbers above 0, got {values}")


def drawn_settings(config: SweepConfig) -> list[dict[str, Any]]:
    """Each trial's settings by their dotted names: a function of the space, the seed and the trial's number."""
    if not config.space:
        raise ConfigError(
            "a sweep varies settings of its recipe and sweep.space names none; name some, as in "
            "--set 'sweep.space={training.learning_rate: {log_uniform: [0.0001, 0.01]}}'."
        )
    return [settings_of(config, number) for number in range(config.num_trials)]


def settings_of(config: SweepConfig, number: int) -> dict[str, Any]:
    """Those of one trial. Each setting has chances of its own: another one beside it changes nothing."""
    drawn = {}
    for name, way in config.space.items():
        ((kind, values),) = way.items()
        drawn[name] = WAYS[kind](random.Random(f"{config.seed}/{number}/{name}"), values)  # noqa: S311
    return drawn


def nested(name: str, value: Any) -> dict[str, Any]:
    """`a.b` and a value to {"a": {"b": value}}."""
    for key in reversed(name.split(".")):
        value = {key: value}
    return dict(value)
