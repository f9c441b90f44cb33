"""What was set and changes nothing, told at the start of `train` and `sweep`, a line each."""

from collections.abc import Iterable, Iterator

from rich.console import Console

from jobs.progress import say
from jobs.recipes import Recipe
from pipeline.training.no_effect import settings_without_effect
from pipeline.training.plan import RunPlan

OF_WORKERS = ("num_workers", "elastic", "min_workers")


def say_each(console: Console, sentences: Iterable[str]) -> None:
    """Each of them once."""
    for sentence in dict.fromkeys(sentences):
        say(console, sentence)


def of_training(recipe: Recipe, plan: RunPlan, most_workers: int) -> Iterator[str]:
    """What has no effect on a training by at most so many workers."""
    if recipe.min_workers != 1 and not recipe.elastic:
        yield f"min_workers={recipe.min_workers} has no effect: the run is not elastic; set elastic=true for it."
    if recipe.elastic and recipe.min_workers == recipe.num_workers:
        yield f"elastic=true has no effect: min_workers and num_workers are both {recipe.num_workers}."
    yield from settings_without_effect(plan, most_workers)


def of_trial(recipe: Recipe, plan: RunPlan) -> Iterator[str]:
    """What has no effect on a trial of a sweep."""
    defaults = Recipe(recipe.model)
    for name in OF_WORKERS:
        value = getattr(recipe, name)
        if value != getattr(defaults, name):
            yield f"{name}={str(value).lower()} has no effect in a sweep: one worker trains each trial."
    yield from settings_without_effect(plan, num_workers=1)
