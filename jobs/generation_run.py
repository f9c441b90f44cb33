"""A generation run while it goes on: which shards stand, which are still to be made, and which are not trusted."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console

from jobs.generation_work import Work
from jobs.progress import say
from jobs.quarantine import Makers
from jobs.sampler import Plan
from pipeline.errors import DisagreementError, RequestError
from pipeline.generation.accept.duplicates import Duplicates, Redraw, find_duplicates
from pipeline.generation.advance import Advance
from pipeline.shards.commit import Commit, commit_file, done_commit, read_commit
from pipeline.shards.dataset import reopen
from pipeline.shards.plan import numbered


@dataclass
class Run:
    """What is known of a run while it goes on. `is_done[index]`: whether this shard stands."""

    work: Work
    advance: Advance
    console: Console
    is_done: bytearray = field(init=False)

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

    def in_time(self, plans: Iterator[Plan]) -> Iterator[Plan]:
        """The plans, as long as there is time for more."""
        for plan in plans:
            if self.advance.elapsed_s > self.work.config.time_limit_s:
                return
            yield plan

    def redraws(self) -> dict[str, Duplicates]:
        """Shard → its items that are nearly the same as one before them."""
        names = [numbered(index) for index in range(self.work.num_shards)]
        return find_duplicates(self.work.out, names, self.work.config.accept.same_bits)

    def planned(self, redraws: dict[str, Duplicates]) -> Iterator[Redraw]:
        """The shards that are to be made again, with their plans."""
        for plan in self.plans():
            if plan.name in redraws:
                yield Redraw(plan, redraws[plan.name])
