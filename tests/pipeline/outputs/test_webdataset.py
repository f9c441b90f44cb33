"""WebDataset: read by the package of that name, and back by `prepare`."""

import gc
import json
import tarfile
import warnings
from pathlib import Path
from typing import Any

import pytest
import webdataset

from pipeline.outputs.config import ExportConfig
from tests.pipeline.outputs.small import (
    IMAGE,
    content_of,
    export_here,
    heard,
    picture_row,
    pictures,
    prepared,
    rows_of,
    speech,
    write_dataset,
)


def tars(out: Path) -> list[str]:
    return sorted(str(path) for path in out.rglob("*.tar"))


def decoded(out: Path) -> list[dict[str, Any]]:
    """What the package makes of the tars; it takes what a .cls holds for a whole number."""
    reader: Any = webdataset.WebDataset  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the tars open
        found = list(reader(tars(out), shardshuffle=False, empty_check=False).decode())
        gc.collect()
    return found


@pytest.mark.parametrize("audio", ["wav", "flac"])
def test_recordings_are_read_with_their_rows(tmp_path: Path, audio: Any) -> None:
    dataset, out = speech(tmp_path / "data"), tmp_path / "out"
    export_here(dataset, out, ExportConfig("webdataset", audio=audio, items_per_part=1))
    found = {sample["json"]["item_id"]: sample for sample in decoded(out)}
    rows = rows_of(dataset)
    assert len(found) == len(rows)
    for row in rows:
        sample = found[row["item_id"]]
        assert heard(sample[audio]) == (8000, row["levels"])
        assert Path(sample["__url__"]).parent.name == row["split"]
        assert sample["cls"] == int(row["label"])
        assert sample.get("txt") == row["text"]
        kept = {name: value for name, value in row.items() if value is not None and value == value and name != "levels"}
        assert sample["json"] == kept
        assert "." not in sample["__key__"]


def test_prepare_reads_recordings_back(tmp_path: Path) -> None:
    dataset = speech(tmp_path / "data")
    export_here(dataset, tmp_path / "out", ExportConfig("webdataset"))
    back = prepared(tmp_path / "out", tmp_path / "back", "webdataset_audio")
    columns = ("levels", "split", "speaker", "label", "licence")
    assert sorted([row[name] for name in columns] for row in back) == sorted(
        [row[name] for name in columns] for row in rows_of(dataset)
    )
    assert {row["text"] for row in back} == {row["text"] for row in rows_of(dataset)}


def test_prepare_reads_pictures_and_labels_back(tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "data")
    export_here(dataset, tmp_path / "out", ExportConfig("webdataset"))
    back = prepared(tmp_path / "out", tmp_path / "back", "webdataset_image")
    columns = ("levels", "split", "label")
    assert sorted([row[name] for name in columns] for row in back) == sorted(
        [row[name] for name in columns] for row in rows_of(dataset)
    )
    assert all("cls" not in sample for sample in decoded(tmp_path / "out")), "a word is no class's number"


def test_tars_are_numbered_without_a_gap_in_each_split(tmp_path: Path) -> None:
    shards = [[picture_row(0)], [picture_row(1)], [], [picture_row(2), picture_row(3)]]
    dataset = write_dataset(tmp_path / "data", shards, IMAGE)
    export_here(dataset, tmp_path / "out", ExportConfig("webdataset", items_per_part=1))
    assert [name.removeprefix(f"{tmp_path}/out/") for name in tars(tmp_path / "out")] == [
        "test/000000.tar",
        "train/000000.tar",
        "train/000001.tar",
        "validation/000000.tar",
    ]
    export_here(dataset, tmp_path / "one", ExportConfig("webdataset", splits="off", items_per_part=1))
    assert [Path(name).name for name in tars(tmp_path / "one")] == ["000000.tar", "000001.tar", "000002.tar"]
    splits = [sample["json"]["split"] for sample in decoded(tmp_path / "one")]
    assert splits == ["train", "validation", "test", "train"]


def test_a_tar_tells_nothing_of_when_and_by_whom_it_was_written(tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "data")
    for name in ("a", "b"):
        export_here(dataset, tmp_path / name, ExportConfig("webdataset"))
    assert content_of(tmp_path / "a") == content_of(tmp_path / "b")
    with tarfile.open(tmp_path / "a/train/000000.tar") as tar:
        members = tar.getmembers()
    assert {(it.mtime, it.uid, it.gid, it.uname, it.gname, it.mode) for it in members} == {(0, 0, 0, "", "", 0o644)}


def test_json_is_json(tmp_path: Path) -> None:
    """NaN is none, though Python writes it."""
    export_here(speech(tmp_path / "data"), tmp_path / "out", ExportConfig("webdataset"))
    with tarfile.open(tmp_path / "out/train/000000.tar") as tar:
        texts = [tar.extractfile(it).read() for it in tar if it.name.endswith(".json")]  # type: ignore[union-attr]

    def refuse(word: str) -> None:
        raise AssertionError(word)

    told = ["nll_nats" in json.loads(text, parse_constant=refuse) for text in texts]
    assert told == [False, True, False, True]
