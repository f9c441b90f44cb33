"""Whether every row has what the model is to be conditioned on: known before a run, not when the row comes up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.conditions import Conditioning
from pipeline.errors import DatasetError
from pipeline.shards.dataset import Dataset

NUM_ITEMS_SHOWN = 3

NAMES = {"linguistic": "linguistic features", "f0": "F0"}
"""Conditions that a person calls otherwise than `training.condition_on` does."""


def require_conditions(dataset: Dataset, conditioning: Conditioning, splits: Sequence[str]) -> None:
    """A DatasetError that counts the rows of these splits which lack a condition, and names some.

    Attributes that the dataset's totals show to be whole cost no reading; what frames are made of is read once.
    """
    counts, num_rows = dataset.info.tally.vocabularies, dataset.info.num_rows
    whole = {name for name in conditioning.attributes if sum(counts[name].values()) >= num_rows}
    conditions = {name: columns for name, columns in conditioning.columns.items() if name not in whole}
    missing = missing_in(dataset, conditions, splits) if conditions else {}
    for name, lacking in missing.items():
        if lacking.num_rows:
            raise DatasetError(what_is_missing(dataset, name, lacking, splits))


@dataclass
class Lacking:
    """How many rows lack something, and the first few of them."""

    num_rows: int = 0
    items: list[str] = field(default_factory=list)

    def add(self, items: pa.ChunkedArray) -> None:
        """These items lack it, too."""
        self.num_rows += len(items)
        self.items += [str(item) for item in items.slice(0, NUM_ITEMS_SHOWN - len(self.items)).to_pylist()]


def missing_in(dataset: Dataset, conditions: Mapping[str, Sequence[str]], splits: Sequence[str]) -> dict[str, Lacking]:
    """Condition → the rows of these splits that have nothing in one of its columns."""
    missing = {name: Lacking() for name in conditions}
    columns = [column for of_one in conditions.values() for column in of_one]
    for table in dataset.tables(["item_id", "split", *columns]):
        of_splits = table.filter(pc.is_in(table["split"], pa.array(splits)))
        for name, of_one in conditions.items():
            empty = reduce(pc.or_, (is_empty(of_splits[column]) for column in of_one))
            missing[name].add(of_splits.filter(empty)["item_id"])
    return missing


def is_empty(values: Any) -> Any:
    """Where a name is null or "", or a list null or without entries."""
    size = pc.list_value_length(values) if pa.types.is_list(values.type) else pc.binary_length(values)
    return pc.equal(pc.fill_null(size, 0), pa.scalar(0))


def what_is_missing(dataset: Dataset, name: str, lacking: Lacking, splits: Sequence[str]) -> str:
    """The message."""
    named = NAMES.get(name, name)
    shown = ", ".join(lacking.items) + (", ..." if lacking.num_rows > len(lacking.items) else "")
    num_rows = sum(dataset.info.tally.num_rows[split] for split in splits)
    return (
        f"{dataset.folder}: {lacking.num_rows:,} of {num_rows:,} rows have no {named} ({shown}), and "
        f"training.condition_on needs it in every row. Leave {name} out of training.condition_on, or prepare a corpus "
        "in which every item has it."
    )
