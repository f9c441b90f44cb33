"""What a worker does with a plan: nothing where its shard stands already, else the shard."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pipeline.guarding.guard import Guard
from pipeline.guarding.guarded import NO_ITEM, Report
from pipeline.items import Item
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.fingerprints import completed
from pipeline.preparation.prepare import LIMITS, prepare_shard
from pipeline.shards.commit import Commit, Failure, done_commit
from pipeline.shards.dataset import reopen
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import Conventions
from pipeline.storage import Location


@dataclass(frozen=True)
class Made:
    """What the one who gave the plan out needs to know of a committed shard; the commit itself stays on storage."""

    index: int
    name: str
    num_items: int
    num_failures: int
    num_levels: int
    stood: bool
    last_failure: Failure | None = None


def make_shard(
    folder: Location, plan: ShardPlan[Item], config: PrepareConfig, conventions: Conventions, guard: Guard | None = None
) -> Made:
    """Prepare a plan's shard unless it stands already, whole and for exactly this plan.

    Before anything is written the dataset is taken back: it is not finished until `finish` says so again. With a guard
    no item may take more than `config.limits`.
    """
    whole = completed(plan)
    commit = done_commit(folder, whole.name, whole.digest)
    if commit is not None and not gave_up_under_other_limits(commit, config):
        return made_of(plan, commit, stood=True)
    reopen(folder)
    if guard is None:
        commit = prepare_shard(folder, whole, config, conventions)
    else:
        commit = guard.run(guarded_shard, folder, whole, config, conventions, limits=config.limits)
    return made_of(plan, commit, stood=False)


def guarded_shard(
    report: Report,
    condemned: Mapping[int, str],
    folder: Location,
    plan: ShardPlan[Item],
    config: PrepareConfig,
    conventions: Conventions,
) -> Commit:
    """What a guard's child does."""
    commit = prepare_shard(folder, plan, config, conventions, report, condemned)
    report(NO_ITEM)
    return commit


def gave_up_under_other_limits(commit: Commit, config: PrepareConfig) -> bool:
    """Whether items were given up that other limits may let pass."""
    gave_up = any(failure.stage == LIMITS for failure in commit.failures)
    return gave_up and commit.run.get("limits") != asdict(config.limits)


def made_of(plan: ShardPlan[Item], commit: Commit, *, stood: bool) -> Made:
    """What is told of a commit."""
    num_levels = sum(commit.tally.num_levels.values())
    last = commit.failures[-1] if commit.failures else None
    return Made(plan.index, plan.name, len(plan.entries), len(commit.failures), num_levels, stood, last)
