"""Rows that lack a condition are told when the run is planned, with how many and which."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DatasetError
from pipeline.shards.dataset import Dataset
from tests.pipeline.training.datasets import AUDIO, audio_rows, write_dataset
from tests.pipeline.training.runs import small_plan

NO_PHONES: dict[str, Any] = {"phone": None, "phone_start": None, "phone_end": None}
EMPTY_PHONES: dict[str, Any] = {"phone": [], "phone_start": [], "phone_end": []}


def dataset_with(folder: Path, changes: dict[int, dict[str, Any]], split: str = "") -> Dataset:
    """The small dataset with some rows changed, and put into another split."""
    rows = audio_rows()
    for number, change in changes.items():
        rows[number] |= {**change, **({"split": split} if split else {})}
    return write_dataset(folder, rows, AUDIO, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({6: {"speaker": None}}, r"1 of 14 rows have no speaker \(item-006\), and training.condition_on needs it"),
        ({1: {"speaker": ""}}, r"1 of 14 rows have no speaker \(item-001\)"),
        ({9: NO_PHONES, 13: EMPTY_PHONES}, r"2 of 14 rows have no phones \(item-009, item-013\)"),
        (
            dict.fromkeys(range(4, 12), NO_PHONES),
            r"8 of 14 rows have no phones \(item-004, item-005, item-006, \.\.\.\)",
        ),
    ],
)
def test_rows_that_lack_a_condition_are_told_before_the_run(
    tmp_path: Path, changes: dict[int, dict[str, Any]], message: str
) -> None:
    dataset = dataset_with(tmp_path / "data", changes)
    with pytest.raises(DatasetError, match=message):
        small_plan(dataset, tmp_path / "out")


def test_what_is_not_asked_for_may_be_lacking(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path / "data", {6: {"speaker": None}, 7: NO_PHONES})
    assert small_plan(dataset, tmp_path / "out", condition_on=()).conditioning.attributes == {}


def test_rows_that_training_does_not_read_may_lack_it(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path / "data", {6: {"speaker": None}, 7: NO_PHONES}, split="test")
    assert small_plan(dataset, tmp_path / "out").conditioning.attributes == {"speaker": ("ann", "bob")}
