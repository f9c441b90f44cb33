"""`align labels`: HTS full-context labels of a dataset's rows, a file each, as speech synthesis of others takes them.

It works in this process, without a Ray: all that labels need stands in the rows, whose audio is not even read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console

from jobs.progress import progress, say
from pipeline.errors import DatasetError, ItemError
from pipeline.file_names import file_stem
from pipeline.shards.dataset import Dataset, claim, open_dataset, side_by_side
from pipeline.speech.hts_labels import labels_of
from pipeline.speech.row_utterance import COLUMNS, require_columns, utterance_of_row
from pipeline.storage import Location

TIMES = ("phone_start", "phone_end")

ROWS_AT_ONCE = 256

MOST_STATES = 5
"""What HTS has, and what readers of labels expect: [2] to [6]."""

MOST_REASONS = 5


@dataclass(frozen=True)
class LabelsConfig:
    """How labels are written.

    num_states: lines a phone, one for each state of a model, which share its time evenly; 0 for one line without state.
    """

    num_states: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.num_states <= MOST_STATES:
            raise ValueError(f"num_states: expected 0 to {MOST_STATES}, got {self.num_states}")


def labels(folder: Location, out: Location, config: LabelsConfig, console: Console) -> int:
    """Write OUT/NAME.lab of each row of an audio dataset and return how many; a row without words is told, and no more.

    NAME is the item's id where that is plain (`pipeline/file_names.py`). OUT is a new or empty folder, or one of labels
    of the same dataset; anything else is an OccupiedError. A DatasetError where no row has what labels need.
    """
    dataset = open_dataset(folder, kind="audio")
    claim(out, "align labels", config, {"dataset": dataset.info.digest})
    outcomes: Counter[str] = Counter()
    with progress(console, f"labels {folder.name}", dataset.info.num_rows) as view:
        for reason in written(dataset, out, config):
            outcomes[reason] += 1
            view.advance()
    num_written = outcomes.pop("", 0)
    if not num_written:
        raise DatasetError(f"{folder}: {none_written(outcomes)}")
    say(console, "\n".join([f"{out}: labels of {rows_said(num_written)}", *remarks(outcomes)]))
    return num_written


def written(dataset: Dataset, out: Location, config: LabelsConfig) -> Iterator[str]:
    """For each row why it has no labels; empty where it has them now."""
    write = partial(write_row, out, config.num_states)
    for table in dataset.tables(["item_id", "sample_rate_hz", *TIMES, *COLUMNS]):
        for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
            yield from side_by_side(write, batch.to_pylist())


def write_row(out: Location, num_states: int, row: Mapping[str, Any]) -> str:
    """Write the labels of a row; why it has none, or nothing."""
    try:
        lines = lines_of(row, num_states)
    except ItemError as error:
        return error.reason
    (out / f"{file_stem(row['item_id'])}.lab").write_text("".join(f"{line}\n" for line in lines))
    return ""


def lines_of(row: Mapping[str, Any], num_states: int) -> Sequence[str]:
    """The lines of a row's label file; ItemError where they cannot be told."""
    utterance, places = utterance_of_row(row)
    require_columns(row, TIMES)
    starts, ends = ([timestep / row["sample_rate_hz"] for timestep in row[name]] for name in TIMES)
    return list(labels_of(utterance, list(zip(places, starts, ends, strict=True)), num_states))


def none_written(outcomes: Mapping[str, int]) -> str:
    """Why there is no label at all, and what to do."""
    if not outcomes:
        return "a dataset without rows has no labels."
    return "\n".join(
        [
            "no row has what labels need; prepare the corpus with its texts, or with times of phones and words.",
            *remarks(outcomes),
        ]
    )


def remarks(outcomes: Mapping[str, int]) -> list[str]:
    """How many rows have no labels, and why; the commonest reasons first."""
    ordered = sorted(outcomes.items(), key=lambda one: (-one[1], one[0]))
    lines = [f"  no labels of {rows_said(count)}: {reason}" for reason, count in ordered[:MOST_REASONS]]
    rest = sum(count for _, count in ordered[MOST_REASONS:])
    return [*lines, f"  and of {rest:,} more, for other reasons"] if rest else lines


def rows_said(count: int) -> str:
    """A number of rows in words."""
    return f"{count:,} row{'s' * (count != 1)}"
