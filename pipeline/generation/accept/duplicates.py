"""Items of a dataset that are nearly the same as one before them: found over all shards, then drawn again.

The item of a place is the first of its attempts that the judge accepts and that is not near to the item of any place
before it, in the order of the requests. So there is one right dataset, and `verdicts` says of each shard how it differs
from it, as far as that is known: by the fingerprints of all attempts so far, which stand in the commits. Shards that
differ are made again until none does. The first place is right once it is drawn, then the second, and so on: whatever
the shards looked like before (a run that was killed, a shard that was lost), they end alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline.generation.accept.attempts import attempt_id, first_attempt
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.fingerprint import Seen
from pipeline.generation.plan import PlannedItem
from pipeline.shards.commit import Commit, read_commit
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location


@dataclass(frozen=True)
class Verdict:
    """How a shard is to be made again.

    near: items that are near to one before them → the reason. num_owed: places whose item is still to be drawn.
    is_listed: whether the shard has rejected just these, so that it lacks items and has none too many. sha256: of the
    shard that it is on.
    """

    near: dict[str, str]
    num_owed: int
    is_listed: bool
    sha256: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the shard is right as it stands."""
        return self.is_listed and not self.num_owed


LOST = Verdict({}, 1, is_listed=False)
"""On a shard without a commit: all of it is drawn again."""


@dataclass(frozen=True)
class Redraw:
    """A shard to make again, `sha256` as it is; `draws` is False where there is only time to leave out what goes."""

    plan: ShardPlan[PlannedItem]
    near: dict[str, str]
    sha256: str = ""
    draws: bool = True


def verdicts(folder: Location, names: Sequence[str], accept: AcceptConfig) -> dict[str, Verdict]:
    """Shard → how it is to be made again, of those that are not right; `names` in the order of the requests.

    Commits are read one by one. In memory are the fingerprints of all items, some hundred bytes each and piece, and of
    the shards that are not right the ids of what is near and the reasons.
    """
    seen = Seen(accept.same_bits)
    judged = ((name, verdict_on(read_commit(folder, name), seen, accept.max_attempts)) for name in names)
    return {name: verdict for name, verdict in judged if not verdict.is_met}


def verdict_on(commit: Commit | None, seen: Seen, max_attempts: int) -> Verdict:
    """The verdict on one shard; its items are seen from then on."""
    if commit is None:
        return LOST
    reasons = {failure.item_id: failure.reason for failure in commit.failures}
    near, num_owed = dict[str, str](), 0
    for first, attempts in groupby(commit.fingerprints, first_attempt):
        if item_id := item_among(attempts, commit.fingerprints, seen, near):
            num_owed += item_id in reasons
        else:
            last = attempt_id(first, max_attempts - 1)
            num_owed += last not in reasons and last not in near
    listed = {item_id: reason for item_id, reason in reasons.items() if item_id in commit.fingerprints}
    return Verdict(near, num_owed, listed == near, commit.sha256)


def item_among(attempts: Iterable[str], prints: Mapping[str, str], seen: Seen, near: dict[str, str]) -> str:
    """The first of a place's attempts that is near to nothing seen; those before it are noted in `near`."""
    for item_id in attempts:
        fingerprint = int(prints[item_id], 16)
        if not (known := seen.near(fingerprint)):
            seen.add(item_id, fingerprint)
            return item_id
        near[item_id] = f"nearly the same as {known}"
    return ""
