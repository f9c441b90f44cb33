"""One shard measured: its counts by half, its chosen items, and where the rows of a copy synthesis stand in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.evaluation.against_real.chosen import ChosenItem, half_of, key_bound, key_of
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.descriptors import descriptor_of, levels_digest
from pipeline.evaluation.against_real.measured import Half, Measure, Measured, Place
from pipeline.evaluation.against_real.pictures import count_picture, picture_measures, sums_of
from pipeline.evaluation.against_real.waveforms import count_waveform, f0_method, waveform_measures
from pipeline.rows import Rows
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import ATTRIBUTES, AudioConventions, Conventions

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What is asked of the shards of one side.

    conventions: those of the real dataset, on both sides: F0 is heard by one method. num_items: how many rows there
    are of the split, "" for all. sought: the ids whose places are wanted; None for `most_copies` of them.
    """

    config: AgainstRealConfig
    conventions: Conventions
    num_items: int
    split: str = ""
    sought: frozenset[str] | None = frozenset()

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is counted of each item."""
        if isinstance(self.conventions, AudioConventions):
            return waveform_measures(self.conventions, f0_method(self.conventions, self.config))
        return picture_measures(self.conventions)


def measure_shard(dataset: Dataset, index: int, number: int, asked: Asked) -> Measured:
    """Shard `index` of `dataset`; `number` is what it is called in places."""
    rows = rows_of(dataset, index, asked.split)
    halves = no_items(asked), no_items(asked)
    for _, row in rows:
        add_row(halves[half_of(row["item_id"])], row, asked)
    return Measured(halves, chosen_of([row for _, row in rows], asked), places_of(rows, number, asked))


def no_items(asked: Asked) -> Half:
    """A half with nothing in it yet."""
    return Half(counts={measure.name: measure.no_counts for measure in asked.measures})


def rows_of(dataset: Dataset, index: int, split: str) -> list[tuple[int, Row]]:
    """The rows of a split with their numbers in the shard."""
    is_audio = isinstance(dataset.info.conventions, AudioConventions)
    columns = ["item_id", "split", "levels", "request", *(ATTRIBUTES if is_audio else ["label"])]
    table = dataset.read_shard(index, columns)
    is_wanted = pc.equal(table["split"], pa.scalar(split)).to_pylist() if split else [True] * table.num_rows
    rows = Rows(table)
    return [(number, rows[number]) for number, wanted in enumerate(is_wanted) if wanted]


def add_row(half: Half, row: Row, asked: Asked) -> None:
    """Count a row."""
    conventions = asked.conventions
    half.num_items += 1
    if isinstance(conventions, AudioConventions):
        values = count_waveform(row, conventions, f0_method(conventions, asked.config))
    else:
        values = count_picture(row, conventions)
        half.pictures.add(sums_of(row, conventions))
    for measure in asked.measures:
        half.counts[measure.name] += measure.grid.count(values[measure.name])


def chosen_of(rows: Sequence[Row], asked: Asked, most: int = 0) -> list[ChosenItem]:
    """The shard's part in the choice of `most` items (by default `most_items`) of all shards."""
    most = most or asked.config.most_items
    bound = key_bound(most, asked.num_items)
    keyed = sorted((key_of(row["item_id"], asked.config.seed), number) for number, row in enumerate(rows))
    return [chosen_item(key, rows[number], asked.conventions) for key, number in keyed[:most] if key < bound]


def chosen_item(key: int, row: Row, conventions: Conventions) -> ChosenItem:
    """A row as others are held against it."""
    attributes = {column: row[column] for column in ATTRIBUTES if row.get(column)}
    return ChosenItem(key, row["item_id"], levels_digest(row), descriptor_of(row, conventions), attributes)


def places_of(rows: Sequence[tuple[int, Row]], number: int, asked: Asked) -> dict[str, list[Place]]:
    """Where the sought items stand in this shard, by the id that each was asked for by."""
    bound = key_bound(asked.config.most_copies, asked.num_items)
    places: dict[str, list[Place]] = {}
    for row_number, row in rows:
        item_id = copied_id(row)
        is_first = asked.sought is None and key_of(row["item_id"], asked.config.seed) < bound
        if is_first or item_id in (asked.sought or ()):
            places.setdefault(item_id, []).append(Place(number, row_number))
    return places


def copied_id(row: Row) -> str:
    """The id of the request that a row was drawn for; the row's own where there was none."""
    try:
        asked_for = json.loads(row["request"]) if row["request"] else {}
    except ValueError:
        return str(row["item_id"])
    return str(asked_for.get("id", row["item_id"])) if isinstance(asked_for, dict) else str(row["item_id"])
