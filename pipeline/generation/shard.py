"""One generated shard: its items drawn until they are accepted, in the order of the requests; then the commit."""

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from pipeline.errors import DisagreementError
from pipeline.generation.accept.attempts import Attempts, draw_accepted, first_attempt, number_of_attempt
from pipeline.generation.accept.attempts_snapshots import AttemptsKept, Waiting, begun
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.judge import Judge
from pipeline.generation.accept.training_set import training_prints
from pipeline.generation.canary import Canary
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawn_rows import make_rows
from pipeline.generation.export import export_shard
from pipeline.generation.parts import OnLevels
from pipeline.generation.pictures_snapshots import Pictures
from pipeline.generation.plan import PlannedItem
from pipeline.generation.snapshots import Snapshots, snapshots_of
from pipeline.model_folder import ExportedModel
from pipeline.shards.commit import Commit, done_commit, shard_file
from pipeline.shards.plan import ShardPlan
from pipeline.shards.writer import write_shard
from pipeline.storage import Location

Plan = ShardPlan[PlannedItem]
Row = dict[str, Any]


def ignore(num_levels: int) -> None:
    """Told how far a shard is, and does nothing."""


@dataclass
class Drawing:
    """What the items of a shard are drawn with, and what there is to say of it. `below` are pictures of the lower
    scales of the first attempts, where others have drawn them.
    """

    folder: Location
    plan: Plan
    exported: ExportedModel
    config: GenerateConfig
    on_levels: OnLevels = ignore
    canary: Canary | None = None
    below: Sequence[Pictures] = ()
    num_compared: int = 0
    started: float = field(default_factory=time.monotonic)
    snapshots: Snapshots | None = None
    kept: AttemptsKept | None = None

    @property
    def judge(self) -> Judge:
        """What decides which rows are accepted."""
        info = self.exported.info
        return Judge(self.config.accept, info.conventions, training_prints(self.config.accept, info))

    @property
    def went_on_from_levels(self) -> int:
        """How much of it was there already, from a run that was killed."""
        return int(self.snapshots.run.get("went_on_from_levels", 0)) if self.snapshots else 0

    def make_rows(self, items: Sequence[PlannedItem]) -> list[Row]:
        """These items as rows, some of them compared with the model's definition: DisagreementError."""
        assert self.kept is not None
        snapshots = self.kept.begins(items)
        below = self.below if items[0] in self.plan.entries else ()
        told = snapshots.told(self.on_levels)
        rows, _ = make_rows(items, self.exported, self.config, told, below, snapshots)
        snapshots.ends()
        try:
            self.compare(items, rows, at_least_one=self.snapshots.was_used)
        except DisagreementError as error:
            snapshots.remove()  # no one is to go on from what is not trusted
            if not self.snapshots.was_used:
                raise
            return self.make_rows_anew(items, error)
        return rows

    def make_rows_anew(self, items: Sequence[PlannedItem], error: DisagreementError) -> list[Row]:
        """The same from the beginning: another process left the snapshot, and it may have been that one which lied."""
        rows = self.make_rows(items)
        assert self.snapshots is not None
        self.snapshots.pass_over(f"what was drawn of it is not the model's ({error})")
        return rows

    def compare(self, items: Sequence[PlannedItem], rows: Sequence[Row], *, at_least_one: bool) -> None:
        """Ask the canary, if there is one."""
        if self.canary is not None:
            self.num_compared += self.canary.compare(items, rows, at_least_one=at_least_one)

    def gone_on_with(self, first: Waiting, attempts: Attempts) -> Waiting:
        """The attempts that are to be made: `first`, or what a killed run had come to, which is put into `attempts`."""
        info = self.exported.info
        self.snapshots = snapshots_of(self.folder, begun(self.plan, first, attempts), info, self.config)
        self.kept = AttemptsKept(self.snapshots, self.plan.entries, attempts, info.conventions)
        return self.kept.resumed(first)

    def commit(self, attempts: Attempts) -> Commit:
        """Write what came of it."""
        rows, conventions = attempts.in_order(), self.exported.info.conventions
        if self.config.export == "files":
            export_shard(self.folder, self.plan.index, rows, conventions)
        run = {"drawn_in_s": round(time.monotonic() - self.started, 3), "num_compared": self.num_compared}
        commit = write_shard(
            self.folder,
            self.plan,
            rows,
            attempts.failures(),
            conventions,
            None if self.config.accept.is_open else attempts.notes(),
            run | (self.snapshots.run if self.snapshots else {}),
            fingerprints=self.fingerprints(rows),
        )
        if self.snapshots:
            self.snapshots.remove()
        return commit

    def fingerprints(self, rows: Sequence[Row]) -> dict[str, str]:
        """Those of the items, where they are compared with each other."""
        if not self.config.accept.among_items:
            return {}
        conventions = self.exported.info.conventions
        return {row["item_id"]: f"{fingerprint_of(row, conventions):016x}" for row in rows}


def generate_shard(
    folder: Location,
    plan: Plan,
    exported: ExportedModel,
    config: GenerateConfig,
    on_levels: OnLevels = ignore,
    canary: Canary | None = None,
    below: Sequence[Pictures] = (),
) -> Commit:
    """Draw the plan's items and write them. ModelError for a model that gives no probabilities, ConfigError.

    With a canary some items are compared with the model's definition first: DisagreementError, and nothing is written.
    """
    return draw_from_the_first(Drawing(folder, plan, exported, config, on_levels, canary, below))


def draw_from_the_first(drawing: Drawing) -> Commit:
    """Draw all items of a shard, each from its first attempt on, and write them.

    Another one may have made it meanwhile, where this one was slow and was called back too late to hear it: that one
    stays, for it may be known by now that this one is not to be trusted.
    """
    items, attempts = drawing.plan.entries, Attempts()
    first = drawing.gone_on_with(dict.fromkeys(range(len(items)), 0), attempts)
    draw_accepted(items, first, drawing.make_rows, drawing.judge, attempts)
    return made_by_another(drawing.folder, drawing.plan) or drawing.commit(attempts)


def made_by_another(folder: Location, plan: Plan) -> Commit | None:
    """The commit of a shard that stands; whoever was compared on the way, it was not the one that finds it."""
    commit = done_commit(folder, plan.name, plan.digest)
    return commit and replace(commit, run={**commit.run, "num_compared": 0})


def redraw_shard(drawing: Drawing, duplicates: Mapping[str, str]) -> Commit:
    """Make a shard again without some of its items (id → what it is nearly the same as), each drawn anew.

    One that does not stand whole is drawn from the first attempts: a process that was lost has left it without its own
    commit, and only the two together tell what was rejected.
    """
    commit = done_commit(drawing.folder, drawing.plan.name, drawing.plan.digest)
    if commit is None:
        return draw_from_the_first(drawing)
    attempts, again = Attempts(), dict[int, int]()
    places = {item.item_id: place for place, item in enumerate(drawing.plan.entries)}
    attempts.rejected_before(commit.failures, places)
    for row in read_rows(drawing.folder, drawing.plan.name):
        number = number_of_attempt(row["item_id"])
        place = places[first_attempt(row["item_id"])]
        if known := duplicates.get(row["item_id"]):
            attempts.reject(place, number, row, f"nearly the same as {known}")
            again[place] = number + 1
        else:
            attempts.rows[place] = row
    again = drawing.gone_on_with(again, attempts)
    draw_accepted(drawing.plan.entries, again, drawing.make_rows, drawing.judge, attempts)
    return drawing.commit(attempts)


def read_rows(folder: Location, name: str) -> list[Row]:
    """The rows of a shard that stands."""
    rows: list[Row] = pq.read_table(io.BytesIO((folder / shard_file(name)).read_bytes())).to_pylist()
    return rows
