"""A shard's items drawn part by part, so that a run which was killed goes on within one.

A part are items that are drawn together: all that a kernel draws, or as many as torch's lanes hold. What a snapshot
holds is the number of the part underway, what is drawn of the parts before it, and the state of this one's sampler.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.autoregressive import Autoregressive
from models.sampling import DrawnItem
from models.sampling.draws import sampling_mode
from models.sampling.fused import Lanes, checked_items
from models.sampling.lanes import drawn_from, drawn_state
from models.sampling.state import State

OnLevels = Callable[[int], None]
"""Called now and then with the number of levels of the shard that are drawn."""


@dataclass(frozen=True)
class Part:
    """The places of its items in the shard, their path, and what draws them, made within `sampling_mode`."""

    places: Sequence[int]
    path: str
    begin: Callable[[], Lanes]


class Keep(Protocol):
    """Where the state of a shard underway is kept (`snapshots.py`)."""

    def find(self) -> State | None:
        """What an earlier run left of this shard, if that can be used here."""
        ...

    def went_on(self, num_levels: int) -> None:
        """It was used: so many levels need not be drawn again."""
        ...

    def pass_over(self, reason: str) -> None:
        """It could not be used."""
        ...

    def is_due(self) -> bool:
        """Asked between two spans: whether it is time to write a state."""
        ...

    def write(self, state: State) -> None:
        """Keep this state, in place of the one before."""
        ...


class NotKept:
    """Nowhere: what is lost is drawn again."""

    def find(self) -> State | None:  # noqa: D102
        return None

    def went_on(self, num_levels: int) -> None: ...  # noqa: D102

    def pass_over(self, reason: str) -> None: ...  # noqa: D102

    def is_due(self) -> bool:  # noqa: D102
        return False

    def write(self, state: State) -> None: ...  # noqa: D102


NOT_KEPT = NotKept()


def draw_parts(
    parts: Sequence[Part], model: Autoregressive, on_levels: OnLevels, keep: Keep = NOT_KEPT
) -> dict[int, tuple[DrawnItem, str]]:
    """Every item and its path, by place. ValueError for what cannot be drawn, as the samplers have it."""
    with sampling_mode(model):
        underway = resumed(parts, keep) or Underway(parts)
        while underway.part is not None:
            underway.draw(on_levels, keep)
    placed = zip((place for part in parts for place in part.places), underway.done, strict=True)
    paths = {place: part.path for part in parts for place in part.places}
    return {place: (item, paths[place]) for place, item in placed}


class Underway:
    """A shard as far as it is drawn: `done` are the items of the parts before `number`, in the parts' order."""

    def __init__(self, parts: Sequence[Part], state: State | None = None) -> None:
        self.parts = parts
        self.number = 0 if state is None else int(state.facts["part"])
        self.done = [] if state is None else drawn_from(state.part("done"))
        self.num_done = sum(item.levels.numel() for item in self.done)
        self.lanes = self.begun()
        if state is not None:
            self.restore(state.part("lanes"))

    def restore(self, lanes: State) -> None:
        """Go on within the part at hand. ValueError and the like where the state is not of this shard."""
        num_items = sum(len(part.places) for part in self.parts[: self.number])
        if self.lanes is None or len(self.done) != num_items:
            raise ValueError(f"part {self.number} of {len(self.parts)}, after {len(self.done)} items")
        self.lanes.restore(lanes)

    @property
    def part(self) -> Part | None:
        """The one that is drawn now; None once all are."""
        return self.parts[self.number] if self.number < len(self.parts) else None

    @property
    def num_drawn(self) -> int:
        """Levels so far."""
        return self.num_done + (self.lanes.num_drawn if self.lanes is not None else 0)

    def begun(self) -> Lanes | None:
        """What draws the part at hand, at its beginning."""
        return None if self.part is None else self.part.begin()

    def draw(self, on_levels: OnLevels, keep: Keep) -> None:
        """The part at hand to its end, then on to the next."""
        assert self.lanes is not None
        while self.lanes.advance():
            on_levels(self.num_drawn)
            if keep.is_due():
                keep.write(self.state())
        self.done += checked_items(self.lanes.items())
        self.num_done = sum(item.levels.numel() for item in self.done)
        self.number += 1
        self.lanes = self.begun()

    def state(self) -> State:
        """What a run that is started again goes on from."""
        assert self.lanes is not None
        facts = {"part": self.number, "num_levels": self.num_drawn}
        return State.of_parts(facts, done=drawn_state(self.done), lanes=self.lanes.state())


def resumed(parts: Sequence[Part], keep: Keep) -> Underway | None:
    """The shard as an earlier run left it; None where there is nothing to go on from."""
    if (state := keep.find()) is None:
        return None
    try:
        underway = Underway(parts, state)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        keep.pass_over(f"it is not a state of these items ({type(error).__name__}: {error})")
        return None
    keep.went_on(underway.num_drawn)
    return underway
