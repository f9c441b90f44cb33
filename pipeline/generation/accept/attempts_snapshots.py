"""A shard that is drawn in several attempts, kept so that a killed run goes on within any of them.

A snapshot of the first attempt is its sampler's state alone. One of a later attempt holds that and, as `before`, what
has come of the attempts until then: accepted rows as Parquet, what was rejected and what is drawn now as JSON. It is
one file, so the two cannot be of different times. Between two attempts one is written too, if it is time.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from models.sampling.state import State
from pipeline.generation.accept.attempts import Attempts, first_attempt, number_of_attempt
from pipeline.generation.plan import PlannedItem
from pipeline.generation.snapshots import Snapshots
from pipeline.shards.commit import Failure
from pipeline.shards.levels import level_type
from pipeline.shards.plan import ShardPlan, digest_of
from pipeline.shards.schema import Conventions
from pipeline.shards.writer import parquet_bytes

Waiting = dict[int, int]
"""Place → the attempt that is to be made there."""

Rows = dict[int, dict[str, Any]]
"""By their places."""


def begun(plan: ShardPlan[PlannedItem], first: Waiting, attempts: Attempts) -> ShardPlan[PlannedItem]:
    """The plan as snapshots are of it: by a digest of its own where the shard is not drawn from the first attempts."""
    if len(first) == len(plan.entries) and not any(first.values()):
        return plan
    rejected = [[*key, failure.reason] for key, failure in sorted(attempts.rejected.items())]
    accepted = [row["item_id"] for row in attempts.in_order()]
    return replace(plan, digest=digest_of([plan.digest, sorted(first.items()), rejected, accepted]))


class AttemptsKept:
    """Where the state of each attempt is kept, one after the other in the shard's place, with those before it.

    `attempts` is what comes of them, as it is when one begins. Levels are counted as those of rows accepted here, and
    those of the attempt underway.
    """

    def __init__(self, keep: Snapshots, items: Sequence[PlannedItem], attempts: Attempts, meaning: Conventions) -> None:
        self.keep, self.attempts, self.meaning = keep, attempts, meaning
        self.places = {item.item_id: place for place, item in enumerate(items)}
        self.copied = set(attempts.rows)
        self.is_later = False
        self.is_taken_over = False
        self.waiting, self.num_before = Waiting(), 0
        self.before: State | None = None
        self.found: State | None = None

    def resumed(self, first: Waiting) -> Waiting:
        """What is to be drawn now: `first`, or what a run that was killed had come to."""
        self.found = self.keep.find()
        if self.found is None or "before" not in self.found.facts:
            return first
        whole, self.found = self.found, None
        try:
            rows, rejected, waiting = come_to(whole.part("before"))
            underway = whole.part("underway") if "underway" in whole.facts else None
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:  # Arrow's are ValueErrors
            self.keep.pass_over(f"it is not a state of these attempts ({type(error).__name__}: {error})")
            return first
        self.attempts.rows, self.attempts.rejected = rows, rejected
        self.found, self.is_later = underway, True
        self.keep.went_on(self.num_accepted())
        return waiting

    def begins(self, items: Sequence[PlannedItem]) -> "AttemptsKept":
        """An attempt at these items; what came of those before is written down if it is time."""
        self.waiting = {self.places[first_attempt(item.item_id)]: number_of_attempt(item.item_id) for item in items}
        self.before, self.num_before, self.is_taken_over = None, self.num_accepted(), False
        if self.is_later and self.found is None and self.keep.is_due():
            self.keep.write(self.whole())
        return self

    def ends(self) -> None:
        """All that follow are later ones."""
        self.is_later = True

    def told(self, on_levels: Callable[[int], None]) -> Callable[[int], None]:
        """Tells the levels of rows that are accepted too."""
        return lambda num_levels: on_levels(self.num_before + num_levels)

    def find(self) -> State | None:
        """What a killed run left of the attempt at hand; there is nothing of those after it."""
        found, self.found = self.found, None
        return found

    def went_on(self, num_levels: int) -> None:
        """Note from where, and that another process drew a part of the attempt underway."""
        self.is_taken_over = True
        self.keep.went_on(self.num_before + num_levels)

    def pass_over(self, reason: str) -> None:  # noqa: D102
        self.keep.pass_over(reason)

    def is_due(self) -> bool:  # noqa: D102
        return self.keep.is_due()

    def write(self, state: State) -> None:
        """Keep the attempt underway, with those before it."""
        self.keep.write(self.whole(underway=state) if self.is_later else state)

    def whole(self, **underway: State) -> State:
        """The state of a later attempt; what came of those before it is put together once."""
        self.before = self.before or state_of(self.attempts, self.waiting, self.meaning)
        return State.of_parts({}, before=self.before, **underway)

    def accepted(self) -> Rows:
        """The rows accepted so far, by place, but for those that were there from the beginning."""
        return {place: row for place, row in self.attempts.rows.items() if place not in self.copied}

    def num_accepted(self) -> int:
        """Their levels."""
        return (
            sum(len(row["levels"]) for row in self.accepted().values()) // level_type(self.meaning.num_levels).itemsize
        )


def state_of(attempts: Attempts, waiting: Waiting, meaning: Conventions) -> State:
    """What has come of the attempts, and what is to be drawn next."""
    places = sorted(attempts.rows)
    data = parquet_bytes([attempts.rows[place] for place in places], meaning)
    facts = {
        "places": places,
        "rejected": [[place, number, asdict(failure)] for (place, number), failure in attempts.rejected.items()],
        "waiting": [list(one) for one in waiting.items()],
    }
    return State({"rows": torch.frombuffer(bytearray(data), dtype=torch.uint8)}, facts)


def come_to(state: State) -> tuple[Rows, dict[tuple[int, int], Failure], Waiting]:
    """The inverse: accepted rows, rejected items, and what is to be drawn."""
    table: pa.Table = pq.read_table(io.BytesIO(state.tensors["rows"].numpy().tobytes()))
    facts: Mapping[str, Any] = state.facts
    rows = dict(zip(facts["places"], table.to_pylist(), strict=True))
    rejected = {(place, number): Failure(**failure) for place, number, failure in facts["rejected"]}
    return rows, rejected, {int(place): int(number) for place, number in facts["waiting"]}
