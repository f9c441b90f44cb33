"""Parts: which shards they are made of, how their files are numbered, what changes them."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.naming import Naming
from pipeline.outputs.plan import parts_of, spans_of
from pipeline.shards.dataset import Dataset, ShardEntry
from tests.pipeline.outputs.small import AUDIO, speech, speech_row, write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return speech(tmp_path_factory.mktemp("speech"))


def test_a_part_ends_with_the_shard_that_fills_it() -> None:
    shards = [
        ShardEntry(f"shards/{n}.parquet", rows, size, "")
        for n, (rows, size) in enumerate([(5, 1), (5, 1), (1, 9), (1, 1)])
    ]
    config = ExportConfig("ljspeech", items_per_part=8, bytes_per_part=8)
    assert list(spans_of(shards, config)) == [(0, 2), (2, 3), (3, 4)]
    assert list(spans_of(shards, ExportConfig("ljspeech"))) == [(0, 4)]
    assert list(spans_of([], config)) == []


def test_files_and_utterances_are_numbered_over_all_parts(dataset: Dataset) -> None:
    parts = list(parts_of(dataset, ExportConfig("vctk", items_per_part=1), Naming()))
    assert [(part.name, part.first, part.end, part.num_items) for part in parts] == [
        ("000000", 0, 1, 5),
        ("000001", 1, 2, 2),
        ("000002", 2, 4, 5),
    ], "a shard without rows fills none"
    assert [part.files for part in parts] == [
        {"test": 0, "train": 0, "validation": 0},
        {"test": 1, "train": 1},
        {"test": 2, "train": 2, "validation": 1},
    ]
    assert [part.utterances for part in parts] == [
        {"Bob": 0, "ann": 0},
        {"Bob": 2, "ann": 3},
        {"Bob": 3, "ann": 4, "ann_b": 0},
    ]


def test_a_digest_covers_rows_numbers_settings_and_names(dataset: Dataset, tmp_path: Path) -> None:
    config = ExportConfig("vctk", items_per_part=1)
    plain = [part.digest for part in parts_of(dataset, config, Naming())]
    assert len(set(plain)) == 3
    assert plain == [part.digest for part in parts_of(dataset, config, Naming())]
    for other in (
        parts_of(dataset, replace(config, audio="flac"), Naming()),
        parts_of(dataset, config, Naming(keeps_case=False)),
    ):
        assert not {part.digest for part in other} & set(plain)
    grown = write_dataset(tmp_path, [[speech_row(20)], [speech_row(number) for number in range(5)]], AUDIO)
    assert not {part.digest for part in parts_of(grown, config, Naming())} & set(plain), "the numbers are others"


@pytest.mark.parametrize("name", ["items_per_part", "bytes_per_part"])
def test_a_part_holds_something(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        ExportConfig("vctk", **{name: 0})  # type: ignore[arg-type]


def test_a_setting_of_another_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="third_column is a setting of ljspeech alone; leave it out of vctk"):
        ExportConfig("vctk", third_column="speaker")
    with pytest.raises(ValueError, match="splits is a setting of imagefolder and webdataset alone"):
        ExportConfig("huggingface", splits="off")
