"""Items of a dataset that are nearly the same as one before them: found over all shards, then drawn again.

An item is compared with those that stay, in the order of the requests. The shard of one that does not is made again
without it: its place has its next attempts, all other rows are kept. That may make new neighbours, so it is repeated
until none is left; what comes of it is a function of the requests alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.generation.accept.fingerprint import Seen
from pipeline.generation.plan import PlannedItem
from pipeline.shards.commit import Commit, read_commit
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location

Duplicates = dict[str, str]
"""The id of an item that is nearly the same as an earlier one → the id of that."""


@dataclass(frozen=True)
class Redraw:
    """A shard to make again, without these items."""

    plan: ShardPlan[PlannedItem]
    duplicates: Duplicates


def find_duplicates(folder: Location, names: Sequence[str], same_bits: int) -> dict[str, Duplicates]:
    """Shard → its items that go. The fingerprints of all items are in memory, some hundred bytes each."""
    seen = Seen(same_bits)
    found: dict[str, Duplicates] = {}
    for name in names:
        for item_id, fingerprint in fingerprints_in(read_commit(folder, name)):
            if known := seen.near(fingerprint):
                found.setdefault(name, {})[item_id] = known
            else:
                seen.add(item_id, fingerprint)
    return found


def fingerprints_in(commit: Commit | None) -> Iterator[tuple[str, int]]:
    """The items of a shard and their fingerprints, as its commit has them."""
    for item_id, digits in (commit.fingerprints if commit else {}).items():
        yield item_id, int(digits, 16)
