"""What stays of a shard that is made again, and from where on its places are drawn.

The attempts of a place are gone through from the first on. What the judge has rejected stays so, undrawn; what is near
to others is rejected anew; the first that is neither is the place's item. It may be the row that stands, or an attempt
that was never drawn, or one that was rejected for an item that has gone since: that one is drawn a second time.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.generation.accept.attempts import Attempts, Row, attempt_id
from pipeline.generation.plan import PlannedItem
from pipeline.shards.commit import Commit

PUT_OFF = "nearly the same as none that is left; a run that has time for it draws it again"


def what_stays(
    items: Sequence[PlannedItem], commit: Commit, rows: Iterable[Row], near: Mapping[str, str]
) -> tuple[Attempts, dict[int, int]]:
    """What stays of a shard that stands, and the places without a row then, each with the attempt that is its item.

    `near`: items that are near to others → the reason; of those with a fingerprint these are rejected and no others.
    What comes after a place's item is forgotten: a run that was never disturbed would not have drawn it.
    """
    attempts, missing = Attempts(), dict[int, int]()
    reasons, by_id = reasons_of(commit, near), {row["item_id"]: row for row in rows}
    for place, item in enumerate(items):
        number = 0
        while (item_id := attempt_id(item.item_id, number)) in reasons:
            attempts.reject(place, number, item, reasons[item_id])
            attempts.known(place, number, commit.fingerprints.get(item_id))
            number += 1
        if item_id in by_id:
            attempts.rows[place] = by_id[item_id]
            attempts.known(place, number, commit.fingerprints.get(item_id))
        else:
            missing[place] = number
    return attempts, missing


def reasons_of(commit: Commit, near: Mapping[str, str]) -> dict[str, str]:
    """Rejected items and why: by the judge, who leaves no fingerprint, or for being near to others."""
    by_judge = {failure.item_id: failure.reason for failure in commit.failures}
    return {item_id: reason for item_id, reason in by_judge.items() if item_id not in commit.fingerprints} | {
        item_id: reason for item_id, reason in near.items() if item_id in commit.fingerprints
    }


def put_off(items: Sequence[PlannedItem], missing: Mapping[int, int], commit: Commit, attempts: Attempts) -> None:
    """Leave these places empty: an attempt that was drawn before is listed, so that the next run knows it is due."""
    for place, number in missing.items():
        if fingerprint := commit.fingerprints.get(attempt_id(items[place].item_id, number)):
            attempts.reject(place, number, items[place], PUT_OFF)
            attempts.known(place, number, fingerprint)
