"""Drawing again until a row is accepted: each place of a shard has its own attempts, whatever its neighbours do.

Attempt k of an item is another item, ID.k, with random numbers of its own. So which attempt is accepted follows from
the request alone, and the dataset from the requests: not from shards, actors or restarts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.generation.accept.judge import Judge
from pipeline.generation.plan import PlannedItem
from pipeline.shards.commit import Failure

STAGE = "accept"

Row = dict[str, Any]
MakeRows = Callable[[Sequence[PlannedItem]], list[Row]]


@dataclass
class Attempts:
    """What has come of the places of a shard: accepted rows by place, and what was rejected, by place and attempt.

    `prints` are the fingerprints that are known already, by place and attempt: of what the judge has accepted, whether
    it is a row or was rejected for being near to another.
    """

    rows: dict[int, Row] = field(default_factory=dict)
    rejected: dict[tuple[int, int], Failure] = field(default_factory=dict)
    prints: dict[tuple[int, int], str] = field(default_factory=dict)

    def copy(self) -> "Attempts":
        """What more comes of it is no part of this one."""
        return Attempts(dict(self.rows), dict(self.rejected), dict(self.prints))

    def in_order(self) -> list[Row]:
        """The accepted rows, in the order of their places."""
        return [self.rows[place] for place in sorted(self.rows)]

    def failures(self) -> list[Failure]:
        """The rejected items, in the order of their places and attempts."""
        return [self.rejected[key] for key in sorted(self.rejected)]

    def notes(self) -> dict[str, int]:
        """How many were accepted and rejected."""
        return {"items accepted": len(self.rows), "items rejected": len(self.rejected)}

    def reject(self, place: int, number: int, item: PlannedItem, reason: str) -> None:
        """List an attempt with its reason; its request tells what it was to be."""
        self.rejected[place, number] = Failure(attempt_id(item.item_id, number), item.request, STAGE, reason)

    def known(self, place: int, number: int, fingerprint: str | None) -> None:
        """Note the fingerprint of an attempt, where there is one."""
        if fingerprint is not None:
            self.prints[place, number] = fingerprint


def attempt_of(item: PlannedItem, number: int) -> PlannedItem:
    """The item that is drawn at an attempt, from 0."""
    return replace(item, item_id=attempt_id(item.item_id, number)) if number else item


def attempt_id(first: str, number: int) -> str:
    """The id of an attempt, from 0, by that of the first."""
    return f"{first}.{number}" if number else first


def number_of_attempt(item_id: str) -> int:
    """Which attempt an item was; the inverse of `attempt_of`, and 0 for what is no item's id.

    Ids of items end in a hyphen and four digits or more.
    """
    found = "." in item_id and re.search(r"-[0-9]{4,}\.([0-9]+)$", item_id)  # most have none: millions are asked
    return int(found[1]) if found else 0


def first_attempt(item_id: str) -> str:
    """The id of an item's first attempt, whichever this one was."""
    return item_id.removesuffix(f".{number_of_attempt(item_id)}")


def draw_accepted(
    items: Sequence[PlannedItem], first: dict[int, int], make: MakeRows, judge: Judge, into: Attempts
) -> None:
    """Draw the places in `first`, each from the attempt that it says on, until accepted or out of attempts."""
    waiting = first
    while waiting := {place: number for place, number in waiting.items() if number < judge.config.max_attempts}:
        rows = make([attempt_of(items[place], number) for place, number in waiting.items()])
        again: dict[int, int] = {}
        for (place, number), row in zip(waiting.items(), rows, strict=True):
            if reason := judge.reason(row):
                into.reject(place, number, items[place], reason)
                again[place] = number + 1
            else:
                into.rows[place] = row
        waiting = again
