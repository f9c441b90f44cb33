from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RequestError
from pipeline.generation.apportion import Apportioned, shares_of, split_of_each_value

SHARES = {"train": Fraction(8, 10), "dev": Fraction(1, 10), "test": Fraction(1, 10)}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.lists(st.integers(0, 20), min_size=1, max_size=5))
def test_every_split_has_its_share_of_all_so_far_to_within_one(groups: list[int], weights: list[int]) -> None:
    if not sum(weights):
        weights = [1]
    shares = {f"s{place}": Fraction(weight, sum(weights)) for place, weight in enumerate(weights)}
    apportioned, total = Apportioned(shares), 0
    given_out = dict.fromkeys(shares, 0)
    for count in groups:
        numbers = apportioned.next(count)
        total += count
        assert sum(numbers.values()) == count
        assert min(numbers.values()) >= 0
        for name, number in numbers.items():
            given_out[name] += number
        two = len(weights) <= 2
        assert all(abs(given_out[name] - share * total) < (1 if two else 2) for name, share in shares.items())


def test_tens_are_split_exactly() -> None:
    apportioned = Apportioned(SHARES)
    assert [apportioned.next(5) for _ in range(2)] == [
        {"train": 4, "dev": 1, "test": 0},
        {"train": 4, "dev": 0, "test": 1},
    ]
    assert apportioned.next(10) == {"train": 8, "dev": 1, "test": 1}


def test_values_keep_their_split_together_and_have_their_shares() -> None:
    splits = split_of_each_value([f"text {number}" for number in range(20)], SHARES)
    assert sorted(splits.values()) == ["dev"] * 2 + ["test"] * 2 + ["train"] * 16
    assert splits == split_of_each_value([f"text {number}" for number in reversed(range(20))], SHARES)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"train": 0.8}, "add up to 0.8; they should add up to 1"),
        ({"train": -1, "test": 2}, "must be a name or shares"),
        ({}, "must be a name or shares"),
        ({"../x": 1}, "a split is named by small letters"),
    ],
)
def test_what_are_no_shares_is_told(value: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        shares_of(value, "grid.yaml")
