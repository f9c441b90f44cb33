"""One generated shard: its items drawn until they are accepted, in the order of the requests; then the commit."""

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from pipeline.errors import DisagreementError
from pipeline.generation.accept.attempts import Attempts, attempt_id, draw_accepted, number_of_attempt
from pipeline.generation.accept.attempts_snapshots import AttemptsKept, Waiting, begun
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.judge import Judge
from pipeline.generation.accept.kept import put_off, what_stays
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
from pipeline.shards.commit import Commit, commit_file, done_commit, shard_file
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

    def draw(self, first: Waiting, before: Attempts) -> Attempts:
        """Draw places, each from the attempt that `first` says on until it is accepted; `before` and what comes of it.

        What a killed run left is gone on with. Where that turns out not to be the model's, all is drawn anew: it may
        have been the other process which lied. DisagreementError where it was this one.
        """
        try:
            return self.draw_on(first, before.copy())
        except DisagreementError as error:
            assert self.snapshots is not None
            self.snapshots.remove()  # no one is to go on from what is not trusted
            if not self.snapshots.was_used:
                raise
            attempts = self.draw(first, before)
            self.snapshots.pass_over(f"what was drawn of it is not the model's ({error})")
            return attempts

    def draw_on(self, first: Waiting, attempts: Attempts) -> Attempts:
        """The same, from where a killed run was."""
        info, items = self.exported.info, self.plan.entries
        self.snapshots = snapshots_of(self.folder, begun(self.plan, first, attempts), info, self.config)
        self.kept = AttemptsKept(self.snapshots, items, attempts, info.conventions)
        waiting = self.kept.resumed(first)
        if self.canary is not None and (taken_over := self.kept.accepted()):
            self.canary.compare([items[place] for place in taken_over], list(taken_over.values()), of_others=True)
        draw_accepted(items, waiting, self.make_rows, self.judge, attempts)
        return attempts

    def make_rows(self, items: Sequence[PlannedItem]) -> list[Row]:
        """These items as rows, some of them compared with the model's definition: DisagreementError."""
        assert self.kept is not None
        kept = self.kept.begins(items)
        below = self.below if items[0] in self.plan.entries else ()
        rows, _ = make_rows(items, self.exported, self.config, kept.told(self.on_levels), below, kept)
        kept.ends()
        if self.canary is not None:
            self.num_compared += self.canary.compare(items, rows, of_others=kept.is_taken_over)
        return rows

    def commit(self, attempts: Attempts) -> Commit:
        """Write what came of it."""
        rows, conventions = attempts.in_order(), self.exported.info.conventions
        if self.config.export == "files":
            export_shard(self.folder, self.plan.index, rows, conventions)
        run = {
            "drawn_in_s": round(time.monotonic() - self.started, 3),
            "num_compared": self.num_compared,
            "had_help": bool(self.below),
        }
        commit = write_shard(
            self.folder,
            self.plan,
            rows,
            attempts.failures(),
            conventions,
            None if self.config.accept.is_open else attempts.notes(),
            run | (self.snapshots.run if self.snapshots else {}),
            fingerprints=self.fingerprints(attempts),
        )
        if self.snapshots:
            self.snapshots.remove()
        return commit

    def fingerprints(self, attempts: Attempts) -> dict[str, str]:
        """Those of all items that the judge accepted, where items are compared with each other, in their order."""
        if not self.config.accept.among_items:
            return {}
        for place, row in attempts.rows.items():
            if (key := (place, number_of_attempt(row["item_id"]))) not in attempts.prints:
                attempts.prints[key] = f"{fingerprint_of(row, self.exported.info.conventions):016x}"
        items = self.plan.entries
        return {
            attempt_id(items[place].item_id, number): print_
            for (place, number), print_ in sorted(attempts.prints.items())
        }


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
    attempts = drawing.draw(dict.fromkeys(range(len(drawing.plan.entries)), 0), Attempts())
    with_help = bool(drawing.below)
    return made_by_another(drawing.folder, drawing.plan, with_help=with_help) or drawing.commit(attempts)


def made_by_another(folder: Location, plan: Plan, *, with_help: bool) -> Commit | None:
    """The commit of a shard that stands; whoever was compared on the way, it was not the one that finds it.

    Who is to draw it without help takes none that was drawn with help: those who helped may have been given up.
    """
    commit = done_commit(folder, plan.name, plan.digest)
    if commit is None or (commit.run.get("had_help") and not with_help):
        return None
    return replace(commit, run={**commit.run, "num_compared": 0})


def redraw_shard(drawing: Drawing, near: Mapping[str, str]) -> Commit:
    """Make a shard again without some of its items (id → reason), their places drawn on.

    One that does not stand whole is drawn from the first attempts: a process that was lost has left it without its own
    commit, and only the two together tell what was rejected. The next look goes on from there.
    """
    plan = drawing.plan
    commit = done_commit(drawing.folder, plan.name, plan.digest)
    if commit is None:
        return draw_from_the_first(drawing)
    attempts, missing = what_stays(plan.entries, commit, read_rows(drawing.folder, plan.name), near)
    return drawing.commit(drawing.draw(missing, attempts))


def thin_shard(drawing: Drawing, near: Mapping[str, str]) -> Commit | None:
    """Write a shard again without some of its items (id → reason) and draw nothing: their places stay empty.

    None for one that does not stand whole, of which nothing can be kept; its commit is taken away.
    """
    plan = drawing.plan
    commit = done_commit(drawing.folder, plan.name, plan.digest)
    if commit is None:
        (drawing.folder / commit_file(plan.name)).remove()
        return None
    attempts, missing = what_stays(plan.entries, commit, read_rows(drawing.folder, plan.name), near)
    put_off(plan.entries, missing, commit, attempts)
    return drawing.commit(attempts)


def read_rows(folder: Location, name: str) -> list[Row]:
    """The rows of a shard that stands."""
    rows: list[Row] = pq.read_table(io.BytesIO((folder / shard_file(name)).read_bytes())).to_pylist()
    return rows
