"""The exact negative log-likelihood of a split's rows: every level once, none dropped, summed in float64.

Axes: B batch, T timestep.

A waveform is cut into windows; the levels before a window stand before it, at least a receptive field of them, so each
timestep's parameters are those that the whole item would give.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from pipeline.batches import Batch, Window, audio_batch, cut_for, cut_windows, image_batch
from pipeline.errors import DatasetError
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.parts import only
from pipeline.model_folder import ExportedModel, ModelInfo
from pipeline.rows import Rows
from pipeline.shards.dataset import Dataset
from pipeline.shards.levels import num_levels_in
from pipeline.shards.schema import ATTRIBUTES, AudioConventions, Conventions, ImageConventions

Row = Mapping[str, Any]


@dataclass
class Score:
    """What was scored: items, levels, and the sum of their nll in nats."""

    num_items: int = 0
    num_levels: int = 0
    nll_nats: float = 0.0

    def add(self, other: "Score") -> None:
        """Merge another score into this one."""
        self.num_items += other.num_items
        self.num_levels += other.num_levels
        self.nll_nats += other.nll_nats


@dataclass
class Scores:
    """The score of all rows, and by column and value of the attributes that they have."""

    whole: Score = field(default_factory=Score)
    by_attribute: dict[str, dict[str, Score]] = field(default_factory=dict)

    def add(self, other: "Scores") -> None:
        """Merge other scores into these."""
        self.whole.add(other.whole)
        for column, values in other.by_attribute.items():
            for value, score in values.items():
                self.by_attribute.setdefault(column, {}).setdefault(value, Score()).add(score)

    def add_row(self, row: Row, num_levels: int, nll_nats: float) -> None:
        """Count one row, of so many levels, under the whole and under each of its attributes."""
        score = Score(1, num_levels, nll_nats)
        by_attribute = {column: {row[column]: score} for column in ATTRIBUTES if row.get(column)}
        self.add(Scores(score, by_attribute))


@dataclass(frozen=True)
class Part:
    """What one task scores: of the split's rows in shard `index`, every `num_parts`-th from number `part` on."""

    index: int
    part: int
    num_parts: int


def check_fit(dataset: Dataset, info: ModelInfo, split: str) -> None:
    """A DatasetError unless the dataset's levels mean what the model's do, and it has rows of the split."""
    theirs, ours = dataset.info.conventions, info.conventions
    if theirs != ours:
        raise DatasetError(
            f"{dataset.folder}: this dataset holds {described(theirs)}; the model was trained on {described(ours)}. "
            "Prepare the corpus again with the model's settings."
        )
    rows = dataset.info.tally.num_rows
    if not rows.get(split):
        there_are = ", ".join(f"{name} ({count} rows)" for name, count in sorted(rows.items())) or "none"
        raise DatasetError(
            f"{dataset.folder}: no rows of split {split!r}; the splits are: {there_are}. "
            "Choose one with --set split=NAME."
        )


def described(conventions: AudioConventions | ImageConventions) -> str:
    """Conventions in words."""
    if isinstance(conventions, AudioConventions):
        rate, levels = conventions.sample_rate_hz, conventions.num_levels
        return f"audio at {rate} Hz, {levels} {conventions.companding} levels"
    size = f"{conventions.height}×{conventions.width}×{conventions.channels}"
    return f"pictures of {size} (height × width × channels), {conventions.num_levels} levels"


def parts_of(dataset: Dataset, config: EvaluateConfig) -> Iterator[Part]:
    """The tasks of an evaluation, in order: each shard in about as many parts as its share of the levels asks for."""
    info = dataset.info
    levels_per_row = info.tally.num_levels[config.split] / info.tally.num_rows[config.split]
    for index, entry in enumerate(info.shards):
        expected_rows = entry.num_rows * info.tally.num_rows[config.split] / info.num_rows
        num_parts = min(round(expected_rows * levels_per_row / config.levels_per_task) or 1, max(entry.num_rows, 1))
        for part in range(num_parts):
            yield Part(index, part, num_parts)


def alone(dataset: Dataset, part: Part) -> tuple[Dataset, Part]:
    """The part with as much of its dataset as scoring it takes: that of one shard, however many others there are."""
    return only(dataset, [part.index]), replace(part, index=0)


def score_part(dataset: Dataset, part: Part, exported: ExportedModel, config: EvaluateConfig) -> Scores:
    """Score the rows of one part."""
    table = dataset.read_shard(part.index, columns_of(exported.info))
    of_split = Rows(table.filter(pc.equal(table["split"], pa.scalar(config.split))))
    rows = [of_split[number] for number in range(part.part, len(of_split), part.num_parts)]
    scores = Scores()
    for row, nll_nats in zip(rows, score_rows(rows, dataset.info.conventions, exported, config), strict=True):
        num_levels = num_levels_in(row["levels"], dataset.info.conventions.num_levels)
        scores.add_row(row, num_levels, float(nll_nats))
    return scores


def columns_of(info: ModelInfo) -> list[str]:
    """What is read of a row: its levels, its attributes, and what the model is conditioned on."""
    is_audio = isinstance(info.conventions, AudioConventions)
    conditions = [column for columns in info.conditioning.columns.values() for column in columns]
    known = ["item_id", "split", "levels", *(["num_timesteps", *ATTRIBUTES] if is_audio else ["label"])]
    return list(dict.fromkeys([*known, *conditions]))


def score_rows(
    rows: Sequence[Row], conventions: Conventions, exported: ExportedModel, config: EvaluateConfig
) -> npt.NDArray[np.float64]:
    """The nll of each row in nats, float64; `conventions` are those of the dataset that the rows are from."""
    totals = np.zeros(len(rows))
    with torch.inference_mode():
        for places, batch in batches(rows, conventions, exported, config):
            nll_nats = exported.model.nll_nats(batch.x, batch.condition).double().masked_fill(~batch.scored, 0)
            np.add.at(totals, places, nll_nats.flatten(1).sum(1).numpy())
    return totals


def batches(
    rows: Sequence[Row], conventions: Conventions, exported: ExportedModel, config: EvaluateConfig
) -> Iterator[tuple[list[int], Batch]]:
    """Batches that hold every level once, with the place of the row that each lane belongs to."""
    conditioning = exported.info.conditioning
    if isinstance(conventions, ImageConventions):
        for places in chunks(list(range(len(rows))), config.images_per_batch):
            yield places, image_batch([rows[place] for place in places], conventions, conditioning)
        return
    for pairs in chunks(windows_of(rows, exported, config), config.batch_size):
        places, windows = [place for place, _ in pairs], [window for _, window in pairs]
        yield places, audio_batch([rows[place] for place in places], windows, conventions, conditioning)


def windows_of(rows: Sequence[Row], exported: ExportedModel, config: EvaluateConfig) -> list[tuple[int, Window]]:
    """Every window of every row, long ones first: those of like length pad each other least."""
    cut = cut_for(exported.model, config.window_timesteps)
    windows = [(place, window) for place, row in enumerate(rows) for window in cut_windows(row["num_timesteps"], cut)]
    return sorted(windows, key=lambda pair: pair[1].context_start - pair[1].stop)


def chunks(entries: list[Any], size: int) -> Iterator[list[Any]]:
    """Consecutive stretches of at most `size`."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
