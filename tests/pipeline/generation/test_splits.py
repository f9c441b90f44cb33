from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.generation.splits import split_of_each, splits_of


def test_items_go_to_the_training_split_unless_told_otherwise() -> None:
    assert splits_of({}, 3, "line 1") == {"train": 3}
    assert splits_of({"split": "test"}, 3, "line 1") == {"test": 3}


def test_numbers_of_each_come_in_their_order() -> None:
    splits = splits_of({"split": {"train": 2, "dev": 0, "test": 1}}, 3, "line 1")
    assert list(split_of_each(splits)) == ["train", "train", "test"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"train": 2}, "numbers of split add up to 2, and count is 3"),
        ({"train": -1, "test": 4}, "line 1: split: train must be a whole number from 0 to 3, got -1"),
        ({}, "must be a name or numbers"),
        (7, "must be a name or numbers"),
        ("../up", "a split is named by small letters"),
        ({"Test": 3}, "a split is named by small letters"),
    ],
)
def test_what_is_no_split_is_told(value: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        splits_of({"split": value}, 3, "line 1")
