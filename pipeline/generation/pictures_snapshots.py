"""How far a shard of several scales is: which scale is underway, the pictures below it, the state of its sampler."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.sampling import DrawnItem
from models.sampling.lanes import drawn_from, drawn_state
from models.sampling.state import State
from pipeline.generation.parts import Keep


@dataclass(frozen=True)
class DrawnPicture:
    """A picture of a scale: its levels, the nll_nats of all scales so far, and the paths that they were drawn by."""

    item: DrawnItem
    paths: tuple[str, ...]


Pictures = Mapping[str, DrawnPicture]
"""Those of one scale, by the id that each is known by (`pictures_scales.py`)."""


class ScaleKeep:
    """Where the state of one scale is kept: with the pictures below it, in the shard's place. `went_on` is told how
    much of this scale need not be drawn again.
    """

    def __init__(
        self, keep: Keep, number: int, below: Pictures, found: State | None, went_on: Callable[[int], None]
    ) -> None:
        self.keep, self.number, self.below, self.found, self.went_on = keep, number, below, found, went_on

    def find(self) -> State | None:
        """What an earlier run left of this scale."""
        return None if self.found is None else self.found.part("underway")

    def pass_over(self, reason: str) -> None:  # noqa: D102
        self.keep.pass_over(reason)

    def is_due(self) -> bool:  # noqa: D102
        return self.keep.is_due()

    def write(self, state: State) -> None:
        """Keep it, in place of the one before."""
        self.keep.write(State.of_parts({"scale": self.number}, below=state_of(self.below), underway=state))


@dataclass(frozen=True)
class Found:
    """What an earlier run left of a shard: which scale was underway, and the pictures of the one below it."""

    number: int
    below: Pictures
    state: State | None = None


def found_scale(keep: Keep, number: int, below: Pictures) -> Found:
    """Where to go on: `number` and `below` themselves where nothing is found of this scale or one above it."""
    if (state := keep.find()) is None:
        return Found(number, below)
    try:
        found = Found(int(state.facts["scale"]), pictures_of(state.part("below")), state)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        keep.pass_over(f"it is not a state of these pictures ({type(error).__name__}: {error})")
        return Found(number, below)
    return found if found.number >= number else Found(number, below)


def state_of(pictures: Pictures) -> State:
    """Pictures as plain tensors."""
    names = {"ids": list(pictures), "paths": [list(picture.paths) for picture in pictures.values()]}
    return State.of_parts(names, pictures=drawn_state([picture.item for picture in pictures.values()]))


def pictures_of(state: State) -> dict[str, DrawnPicture]:
    """The inverse."""
    items, paths = drawn_from(state.part("pictures")), state.facts["paths"]
    pictures = [DrawnPicture(item, tuple(own)) for item, own in zip(items, paths, strict=True)]
    return dict(zip(state.facts["ids"], pictures, strict=True))
