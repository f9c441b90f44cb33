"""Rows that lack a condition are told when the run is planned, with how many and which."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DatasetError
from pipeline.frames import LINGUISTIC_COLUMNS
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


TOLD: dict[str, Any] = {
    **{column: [1, 2] for column in LINGUISTIC_COLUMNS},
    "log_f0": [5.0, 5.1],
    "voiced": [True, False],
}


@pytest.mark.parametrize(
    ("condition", "lacking", "named"),
    [
        ("linguistic", {"stress": None}, "linguistic features"),
        ("linguistic", {"words_in_phrase": []}, "linguistic features"),
        ("f0", {"log_f0": None}, "F0"),
        ("f0", {"voiced": []}, "F0"),
    ],
)
def test_rows_are_held_to_every_column_of_a_condition(
    tmp_path: Path, condition: str, lacking: dict[str, Any], named: str
) -> None:
    changes = {number: {**TOLD, **(lacking if number in (2, 11) else {})} for number in range(14)}
    dataset = dataset_with(tmp_path / "data", changes)
    message = rf"2 of 14 rows have no {named} \(item-002, item-011\).*Leave {condition} out of training.condition_on"
    with pytest.raises(DatasetError, match=message):
        small_plan(dataset, tmp_path / "out", condition_on=("phones", condition))
    other = {"linguistic": "f0", "f0": "linguistic"}[condition]
    assert small_plan(dataset, tmp_path / "out", condition_on=("phones", other)).conditioning.num_features > 2


def test_what_is_not_asked_for_may_be_lacking(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path / "data", {6: {"speaker": None}, 7: NO_PHONES})
    assert small_plan(dataset, tmp_path / "out", condition_on=()).conditioning.attributes == {}


def test_rows_that_training_does_not_read_may_lack_it(tmp_path: Path) -> None:
    dataset = dataset_with(tmp_path / "data", {6: {"speaker": None}, 7: NO_PHONES}, split="test")
    assert small_plan(dataset, tmp_path / "out").conditioning.attributes == {"speaker": ("ann", "bob")}
