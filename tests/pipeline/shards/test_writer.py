import io
import json
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DatasetError
from pipeline.shards.commit import read_commit
from pipeline.shards.schema import (
    AUDIO_SCHEMA,
    GENERATED,
    IMAGE_SCHEMA,
    METADATA_KEY,
    AudioConventions,
    ImageConventions,
    check_stamp,
    conventions_from,
    schema_for,
)
from pipeline.shards.writer import ROWS_PER_GROUP, parquet_bytes, write_shard
from pipeline.storage import Location, locate
from tests.pipeline.shards.dataset_builders import AUDIO, IMAGE, audio_row, image_row, plans


def test_rows_come_back_and_what_is_not_given_is_null() -> None:
    table = pq.read_table(io.BytesIO(parquet_bytes([audio_row("ä", seed=7), audio_row("b")], AUDIO)))
    first, second = table.to_pylist()
    assert {name: first[name] for name in audio_row("ä")} == audio_row("ä")
    assert (first["seed"], second["seed"], first["text"]) == (7, None, None)
    assert table.schema.names == AUDIO_SCHEMA.names


def test_equal_rows_are_equal_bytes_and_no_time_is_in_them() -> None:
    rows = [audio_row(str(number)) for number in range(100)]
    assert parquet_bytes(rows, AUDIO) == parquet_bytes([dict(row) for row in rows], AUDIO)
    assert parquet_bytes(rows, AUDIO) == parquet_bytes([dict(reversed(row.items())) for row in rows], AUDIO)


def test_row_groups_are_small() -> None:
    rows = [image_row(str(number)) for number in range(ROWS_PER_GROUP + 1)]
    assert pq.ParquetFile(io.BytesIO(parquet_bytes(rows, IMAGE))).num_row_groups == 2


def test_an_empty_shard_is_a_shard() -> None:
    assert pq.read_table(io.BytesIO(parquet_bytes([], AUDIO))).num_rows == 0


@pytest.mark.parametrize("column", ["item_id", "split", "levels", "num_timesteps"])
def test_a_column_that_every_row_has_may_not_be_missing(column: str) -> None:
    row = audio_row("a")
    del row[column]
    with pytest.raises(pa.ArrowInvalid, match="non-nullable"):
        parquet_bytes([row], AUDIO)


def test_the_commit_is_written_after_the_shard(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(Location, "write_bytes", lambda place, data: written.append(place.name))
    write_shard(locate(str(tmp_path)), plans()[0], [audio_row("a")], [], AUDIO)
    assert written == ["000000.parquet", "000000.json"]


def test_the_commit_proves_the_shard(tmp_path: object) -> None:
    folder = locate(str(tmp_path))
    commit = write_shard(folder, plans()[0], [audio_row("a")], [], AUDIO)
    assert read_commit(folder, "000000") == commit
    assert commit.num_bytes == (folder / "shards/000000.parquet").size_bytes()
    assert set(commit.run) == {"written_unix_s", "host"}


def test_conventions_are_stamped_and_checked() -> None:
    schema = schema_for(AUDIO)
    check_stamp(schema, AUDIO, "here")
    assert json.loads(schema.metadata[METADATA_KEY])["conventions"]["companding"] == "mu-law"
    for other in (
        AudioConventions(16_000),
        AudioConventions(8000, "linear"),
        AudioConventions(8000, num_levels=128),
        IMAGE,
    ):
        with pytest.raises(DatasetError, match="here: this shard was written under other conventions"):
            check_stamp(schema, other, "here")
    with pytest.raises(DatasetError, match="found nothing"):
        check_stamp(pa.schema([]), AUDIO, "here")


@pytest.mark.parametrize("conventions", [AUDIO, IMAGE])
def test_conventions_come_back_from_json(conventions: AudioConventions | ImageConventions) -> None:
    assert conventions_from(json.loads(json.dumps(asdict(conventions))), "here") == conventions


@pytest.mark.parametrize("data", [{}, {"kind": "video"}, {"kind": "audio", "rate": 3}, {"kind": "image"}])
def test_other_conventions_are_refused(data: dict[str, object]) -> None:
    with pytest.raises(DatasetError, match="here: expected the conventions"):
        conventions_from(data, "here")


def test_both_kinds_share_what_generation_fills() -> None:
    assert all(schema.field(field.name) == field for schema in (AUDIO_SCHEMA, IMAGE_SCHEMA) for field in GENERATED)
    assert not any(pa.types.is_float16(field.type) for schema in (AUDIO_SCHEMA, IMAGE_SCHEMA) for field in schema)


def test_levels_are_not_dictionary_coded() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    row = audio_row("a", noise, phone=None, phone_start=None, phone_end=None)
    column = pq.ParquetFile(io.BytesIO(parquet_bytes([row], AUDIO))).metadata.row_group(0).column(10)
    assert column.path_in_schema == "levels"
    assert "RLE_DICTIONARY" not in column.encodings
