"""Hugging Face's folder: opened by `datasets` and DuckDB, and read back by `prepare`."""

import os
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from pipeline.errors import DatasetError
from pipeline.image.quantise import quantise
from pipeline.outputs.config import ExportConfig
from pipeline.outputs.huggingface import schema_of
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.shards.dataset import Dataset, claim, finish, open_dataset
from pipeline.storage import locate
from tests.corpus_builders import fsdd_corpus
from tests.pipeline.outputs.small import (
    IMAGE,
    content_of,
    export_here,
    heard,
    job_of,
    picture_row,
    pictures,
    prepared,
    rows_of,
    speech,
    write_dataset,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="module")
def out(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, in several files a split."""
    folder = tmp_path_factory.mktemp("hub") / "out"
    export_here(dataset, folder, ExportConfig("huggingface", audio="flac", items_per_part=1))
    return folder


def loaded(out: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The folder as its user opens it: three words, no script, no network."""
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    import datasets

    return datasets.load_dataset(str(out), cache_dir=str(cache))


def test_datasets_opens_it_with_splits_features_and_rows(
    dataset: Dataset, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = loaded(out, tmp_path / "cache", monkeypatch)
    assert not [record for record in caplog.records if "card" in record.getMessage()], "all of the card is taken"
    import datasets

    rows = rows_of(dataset)
    assert {split: len(part) for split, part in opened.items()} == {"train": 4, "validation": 4, "test": 4}
    found = {}
    for split, part in opened.items():
        assert part.features["audio"] == datasets.Audio(sampling_rate=8000)
        assert part.features["phone"] == datasets.List(datasets.Value("string"))
        for row in part.cast_column("audio", datasets.Audio(decode=False)):
            assert row["split"] == split
            found[row["item_id"]] = row
    for row in rows:
        read = found[row["item_id"]]
        assert heard(read["audio"]["bytes"]) == (8000, row["levels"])
        rest = {name: value for name, value in row.items() if name not in ("levels", "nll_nats")}
        assert {name: read[name] for name in rest} == rest, "every other column as it is"


def test_the_card_says_the_same_as_the_files(out: Path, dataset: Dataset) -> None:
    import datasets

    _, front, body = (out / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(front)
    described = datasets.Features._from_yaml_list(card["dataset_info"]["features"])
    schema = schema_of(job_of(dataset, out, ExportConfig("huggingface")))
    assert described == datasets.Features.from_arrow_schema(schema)
    assert card["license"] == ["cc-by-4.0", "other"]
    assert card["size_categories"] == ["n<1K"]
    assert card["dataset_info"]["download_size"] == sum(path.stat().st_size for path in (out / "data").iterdir())
    assert "synthetic" in card["tags"]
    assert "its own" in body
    assert dataset.info.digest in body
    assert "`0123abcd`" in body, "the model's digest"


def test_duckdb_reads_the_files(out: Path, dataset: Dataset) -> None:
    query = f"SELECT count(*), sum(num_timesteps), count(audio.bytes) FROM '{out}/data/*.parquet'"
    assert duckdb.execute(query).fetchall() == [(12, sum(row["num_timesteps"] for row in rows_of(dataset)), 12)]


def test_prepare_reads_recordings_back_under_their_own_ids(out: Path, dataset: Dataset, tmp_path: Path) -> None:
    columns = ("levels", "split", "speaker", "label", "licence", "text")
    back = {row["item_id"]: [row[name] for name in columns] for row in prepared(out, tmp_path / "back", "hf_audio")}
    assert back == {row["item_id"]: [row[name] for name in columns] for row in rows_of(dataset)}


def test_pictures_are_pictures_to_datasets_and_to_prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, out = pictures(tmp_path / "data"), tmp_path / "out"
    export_here(dataset, out, ExportConfig("huggingface"))
    opened, rows = loaded(out, tmp_path / "cache", monkeypatch), {row["item_id"]: row for row in rows_of(dataset)}
    for row in opened["train"]:
        assert isinstance(row["image"], Image.Image)
        levels = quantise(np.asarray(row["image"]), 8)
        assert (levels.tobytes(), row["label"]) == (rows[row["item_id"]]["levels"], rows[row["item_id"]]["label"])
    back = {row["item_id"]: row["levels"] for row in prepared(out, tmp_path / "back", "hf_image")}
    assert back == {item_id: row["levels"] for item_id, row in rows.items()}


def test_files_that_rows_have_already_stay_as_they_are(tmp_path: Path) -> None:
    corpus, folder = locate(str(fsdd_corpus(tmp_path / "corpus"))), locate(str(tmp_path / "data"))
    found = survey(corpus, config := PrepareConfig(audio=AudioConfig(8000, media="flac"), speech=SpeechConfig("off")))
    claim(folder, "prepare", {})
    plans = list(shard_plans(found, config))
    for plan in plans:
        make_shard(folder, plan, config, found.conventions)
    finish(folder, [plan.name for plan in plans], found.conventions, {})
    export_here(open_dataset(folder), tmp_path / "out", ExportConfig("huggingface"))
    query = "SELECT item_id, audio, levels FROM '{}' ORDER BY item_id"
    exported = duckdb.execute(query.format(f"{tmp_path}/out/data/*.parquet")).fetchall()
    assert exported == duckdb.execute(query.format(f"{tmp_path}/data/shards/*.parquet")).fetchall()


def test_groups_of_rows_are_filled_across_shards(tmp_path: Path) -> None:
    """A group of one row would have `datasets` read one row at a time."""
    rows = [picture_row(number) | {"item_id": str(number), "split": "train"} for number in range(150)]
    rows[0]["split"] = "test"
    dataset = write_dataset(tmp_path / "data", [rows[:2], rows[2:40], rows[40:]], IMAGE)
    export_here(dataset, tmp_path / "out", ExportConfig("huggingface"))
    about = pq.read_metadata(tmp_path / "out/data/train-00000.parquet")
    assert [about.row_group(group).num_rows for group in range(about.num_row_groups)] == [64, 64, 21]


def test_a_split_has_the_hubs_name_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [picture_row(number) | {"split": ("test", "test-clean")[number % 2]} for number in range(4)]
    export_here(write_dataset(tmp_path / "data", [rows], IMAGE), tmp_path / "out", ExportConfig("huggingface"))
    opened = loaded(tmp_path / "out", tmp_path / "cache", monkeypatch)
    assert {split: len(part) for split, part in opened.items()} == {"test": 2, "test_clean": 2}
    twins = [picture_row(number) | {"split": ("a-b", "a_b")[number % 2]} for number in range(4)]
    with pytest.raises(DatasetError, match="named without -"):
        export_here(write_dataset(tmp_path / "twins", [twins], IMAGE), tmp_path / "no", ExportConfig("huggingface"))


def test_the_bytes_are_the_same_each_time(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    export_here(dataset, tmp_path / "again", ExportConfig("huggingface", audio="flac", items_per_part=1))
    assert content_of(tmp_path / "again") == content_of(out)
