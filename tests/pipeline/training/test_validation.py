"""Which windows held-out bits are measured over, and that they are the bits of those items."""

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from pipeline.shards.dataset import Dataset
from pipeline.training.index import Index, read_contents
from pipeline.training.plan import HELD_OUT_SPLIT
from pipeline.training.validation import held_out_slots
from tests.pipeline.training.datasets import audio_dataset

WINDOW = 25


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio", num_held_out=8)


def held_out_index(dataset: Dataset) -> Index:
    return read_contents(dataset, [HELD_OUT_SPLIT], WINDOW).splits[HELD_OUT_SPLIT]


def lengths(dataset: Dataset) -> dict[tuple[int, int], int]:
    """(shard, row) → timesteps, of the held-out rows."""
    found = {}
    for shard in range(len(dataset.info.shards)):
        for row, values in enumerate(dataset.read_shard(shard, ["split", "num_timesteps"]).to_pylist()):
            if values["split"] == HELD_OUT_SPLIT:
                found[shard, row] = values["num_timesteps"]
    return found


@pytest.mark.parametrize("num_items", [1, 3, 8, 100])
def test_every_level_of_the_chosen_items_is_held_out_once(dataset: Dataset, num_items: int) -> None:
    slots = held_out_slots(held_out_index(dataset), num_items, seed=0)
    by_item = {key: list(group) for key, group in groupby(slots, key=lambda slot: (slot.shard, slot.row))}
    items = lengths(dataset)
    assert len(by_item) == min(num_items, len(items))
    for key, windows in by_item.items():
        assert [slot.window for slot in windows] == list(range(-(-items[key] // WINDOW)))
        assert sum(slot.num_levels for slot in windows) == items[key]
    assert max(len(windows) for windows in by_item.values()) > 1


def test_the_items_are_chosen_by_chance_and_stay_the_same(dataset: Dataset) -> None:
    index = held_out_index(dataset)
    chosen = [{(slot.shard, slot.row) for slot in held_out_slots(index, 3, seed)} for seed in range(20)]
    assert chosen[4] == {(slot.shard, slot.row) for slot in held_out_slots(index, 3, 4)}
    assert set().union(*chosen) == set(lengths(dataset))
    assert np.mean([len(items & set(list(lengths(dataset))[:3])) for items in chosen]) < 3


def test_without_held_out_rows_there_is_nothing_to_hold_out(tmp_path: Path) -> None:
    none = audio_dataset(tmp_path / "data", num_items=3, num_held_out=0)
    assert held_out_slots(held_out_index(none), 3, 0) == []
