"""A generation run while it goes on: which shards stand, which are still to be made, and which are not trusted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.console import Console

from jobs.generation_work import Work
from jobs.progress import say
from jobs.quarantine import Makers
from jobs.sampler import Plan
from pipeline.errors import DisagreementError, RequestError
from pipeline.generation.accept.duplicates import Redraw, Verdict, verdicts
from pipeline.generation.advance import Advance
from pipeline.shards.commit import Commit, commit_file, done_commit, read_commit
from pipeline.shards.dataset import reopen
from pipeline.shards.plan import numbered


@dataclass
class Run:
    """What is known of a run while it goes on.

    `is_done[index]`: whether this shard stands. `num_owed`: places of shards that stand which are empty, since there
    was no time to draw near-duplicates again. `num_redrawn`: shards that were made again for them.
    """

    work: Work
    advance: Advance
    console: Console
    is_done: bytearray = field(init=False)
    num_owed: int = 0
    num_redrawn: int = 0

    def __post_init__(self) -> None:
        self.is_done = bytearray(self.work.num_shards)

    def pending(self) -> Iterator[Plan]:
        """The plans whose shards do not stand yet; before the first of them the dataset is unfinished again."""
        is_open = False
        for plan in self.plans():
            if commit := done_commit(self.work.out, plan.name, plan.digest):
                self.advance.found(commit)
                self.is_done[plan.index] = True
                continue
            if not is_open:
                reopen(self.work.out)
                is_open = True
            yield plan

    def plans(self) -> Iterator[Plan]:
        """All plans; a RequestError where there are more or fewer than were counted when the requests were checked."""
        num_plans = 0
        for num_plans, plan in enumerate(self.work.plans(), 1):
            if num_plans > self.work.num_shards:
                break
            yield plan
        if num_plans != self.work.num_shards:
            raise RequestError(
                f"{self.work.requests} was changed while it was drawn from. What is finished is kept; run the same "
                "command again, with the file as it is to be."
            )

    def drawn(self, commit: Commit) -> None:
        """A shard stands."""
        self.is_done[int(commit.name)] = True
        self.advance.drawn(commit)

    def withdraw_redrawn(self, redraw: Redraw) -> None:
        """The same of a shard that was made again; one that nobody has come to yet is as it was found."""
        commit = read_commit(self.work.out, redraw.plan.name)
        if commit is not None and commit.sha256 != redraw.sha256:
            self.withdraw(redraw.plan)

    def withdraw(self, plan: Plan) -> None:
        """What was made of a plan is not trusted: it stands no longer."""
        if self.is_done[plan.index] and (commit := read_commit(self.work.out, plan.name)):
            self.advance.withdrawn(commit)
        (self.work.out / commit_file(plan.name)).remove()
        self.is_done[plan.index] = False

    def tell_of_distrust(self, makers: Makers, error: DisagreementError, num_plans: int) -> None:
        """Something else was drawn than the model says; so many finished shards prove nothing any more."""
        who = "An actor was" if len(makers) == 1 else "The actors of the lower scales were"
        text = f"{who} put out, and {num_plans} finished shards are drawn again: {error}"
        say(self.console, text, "yellow")

    def is_out_of_time(self) -> bool:
        """Whether the limit is reached that the config sets."""
        return self.advance.elapsed_s > self.work.config.time_limit_s

    @property
    def is_whole(self) -> bool:
        """Whether all is drawn that was asked for, or has no attempts left."""
        return all(self.is_done) and not self.num_owed

    @property
    def standing(self) -> list[str]:
        """The names of the shards that stand."""
        return [numbered(index) for index in range(self.work.num_shards) if self.is_done[index]]

    def verdicts(self) -> dict[str, Verdict]:
        """Shard → how it is to be made again, of those that stand and have items nearly the same as others."""
        return verdicts(self.work.out, self.standing, self.work.config.accept)

    def redraws(self, near: Mapping[str, Verdict], *, draw: bool) -> Iterator[Redraw]:
        """The shards of these verdicts, with their plans, as they are to be made again."""
        for plan in self.plans():
            if verdict := near.get(plan.name):
                yield Redraw(plan, verdict.near, verdict.sha256, draw)

    def redrawn(self, commit: Commit | None) -> None:
        """A shard was made again and stands, also where it was withdrawn meanwhile; None where none could be."""
        if commit is None:
            return
        if not self.is_done[int(commit.name)]:
            self.advance.found(commit)
        self.is_done[int(commit.name)] = True
        self.num_redrawn += 1

    def settle_for_less(self, near: Mapping[str, Verdict]) -> None:
        """Note what is owed once these shards have been thinned; one of which nothing could be kept stands no more."""
        self.num_owed = sum(verdict.num_owed for verdict in near.values())
        for name in near:
            self.is_done[int(name)] = (self.work.out / commit_file(name)).is_file()
