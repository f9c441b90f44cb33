"""Shares of splits, given out exactly: none is off by an item in the whole, nor in any part of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

from pipeline.errors import RequestError
from pipeline.generation.fields import is_number, shown
from pipeline.generation.splits import split_name

Shares = Mapping[str, Fraction]


def shares_of(value: Any, where: str) -> Shares:
    """`{train: 0.8, test: 0.2}`, which add up to 1; RequestError for anything else."""
    if not isinstance(value, dict) or not value or not all(is_number(share) and share >= 0 for share in value.values()):
        raise RequestError(f"{where}: split must be a name or shares such as {{train: 0.8, test: 0.2}}, got {value!r}.")
    shares = {split_name(str(name), where): Fraction(str(share)) for name, share in value.items()}
    if (total := sum(shares.values())) != 1:
        raise RequestError(f"{where}: the shares of split add up to {shown(float(total))}; they should add up to 1.")
    return shares


class Apportioned:
    """Numbers of items by split, group after group: after each, every split has its share of all so far, to within
    one item (the largest remainders are served first; Hamilton's method on the running total).
    """

    def __init__(self, shares: Shares) -> None:
        self.shares = shares
        self.given = dict.fromkeys(shares, 0)
        self.total = 0

    def next(self, count: int) -> dict[str, int]:
        """How many of the next `count` items go to each split."""
        self.total += count
        due = {name: share * self.total - self.given[name] for name, share in self.shares.items()}
        numbers = {name: max(0, floor(amount)) for name, amount in due.items()}
        by_need = sorted(due, key=lambda name: numbers[name] - due[name])
        for name in by_need[: max(0, count - sum(numbers.values()))]:
            numbers[name] += 1
        for name in reversed(by_need):
            numbers[name] -= min(numbers[name], max(0, sum(numbers.values()) - count))
        for name, number in numbers.items():
            self.given[name] += number
        return numbers


def split_of_each_value(values: Sequence[Any], shares: Shares) -> dict[str, str]:
    """Which split each value goes to, by its JSON: shares of the values, to within one, chosen by their digests."""
    names = sorted(
        (json.dumps(value, sort_keys=True) for value in values),
        key=lambda name: hashlib.sha256(name.encode()).digest(),
    )
    splits = [split for split, number in Apportioned(shares).next(len(names)).items() for _ in range(number)]
    return dict(zip(names, splits, strict=True))
