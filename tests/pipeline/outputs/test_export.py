"""An export from claim to page: what stands is passed over, what does not is made again, nothing is half there."""

import contextlib
import errno
import json
import os
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, DatasetError, OccupiedError, StorageError
from pipeline.outputs.config import ExportConfig, LayoutName
from pipeline.outputs.part import export_part
from pipeline.outputs.plan import parts_of
from pipeline.outputs.proof import Record
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.storage import PARTIAL_PREFIX, locate
from tests.pipeline.outputs.small import (
    AUDIO,
    content_of,
    export_here,
    job_of,
    pictures,
    speech,
    speech_row,
    write_dataset,
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pictures(tmp_path_factory.mktemp("pictures"))


def small_parts(layout: LayoutName) -> ExportConfig:
    return ExportConfig(layout, items_per_part=1)


def dataset_for(layout: LayoutName, recordings: Dataset, images: Dataset) -> Dataset:
    return images if layout == "imagefolder" else recordings


@pytest.mark.parametrize("layout", ["vctk", "imagefolder", "webdataset", "huggingface"])
def test_a_rerun_passes_over_what_stands_and_mends_the_rest(
    layout: LayoutName, recordings: Dataset, images: Dataset, tmp_path: Path
) -> None:
    dataset, out = dataset_for(layout, recordings, images), tmp_path / "out"
    first = export_here(dataset, out, small_parts(layout))
    content = content_of(out)
    assert [part.stood for part in first] == [False] * len(first)
    assert [part.stood for part in export_here(dataset, out, small_parts(layout))] == [True] * len(first)
    assert content_of(out) == content
    part_files = [name for name in content if name.endswith((".wav", ".png", ".tar", ".parquet"))]
    damaged = out / part_files[-1]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert sum(not part.stood for part in export_here(dataset, out, small_parts(layout))) == 1
    assert content_of(out) == content
    damaged.unlink()
    for name in ("metadata.csv", "items.jsonl", "README.md"):
        (out / name).unlink(missing_ok=True)
    assert sum(not part.stood for part in export_here(dataset, out, small_parts(layout))) == 1
    assert content_of(out) == content


@pytest.mark.parametrize("layout", ["vctk", "webdataset", "huggingface"])
def test_a_run_that_ends_anywhere_leaves_whole_files_and_goes_on(
    layout: LayoutName, recordings: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk again and again, a little later each time; each run goes on where the one before it ended."""
    out, config = tmp_path / "out", small_parts(layout)
    export_here(recordings, tmp_path / "calm", config)
    content, plain, num_left = content_of(tmp_path / "calm"), os.fsync, 0

    def sync_until_full(file: int) -> None:
        nonlocal num_left
        num_left -= 1
        if num_left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(file)

    monkeypatch.setattr(os, "fsync", sync_until_full)
    for num_runs in count(1):
        num_left = 5 * num_runs
        with contextlib.suppress(StorageError):
            export_here(recordings, out, config)
            break
        for name, data in content_of(out).items():
            assert PARTIAL_PREFIX not in name
            assert name.startswith(".parts/") or data == content[name]
    assert num_runs > 1
    assert content_of(out) == content


def test_a_full_disk_is_one_message(recordings: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(recordings, tmp_path / "out", ExportConfig("huggingface"))
    (part,) = parts_of(recordings, job.config, job.naming)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full; nothing is half-written"):
        export_part(job, part)
    assert content_of(tmp_path / "out") == {}


def test_what_a_killed_run_left_is_cleared(recordings: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_here(recordings, out, ExportConfig("ljspeech"))
    content = content_of(out)
    for folder in (out, out / "wavs", out / ".parts"):
        folder.mkdir(exist_ok=True)
        (folder / f"{PARTIAL_PREFIX}abc").write_text("half")
    (out / ".parts/000000.json").write_text('{"name": "0000')
    (out / "export.json").write_text("[]")
    assert not export_here(recordings, out, ExportConfig("ljspeech"))[0].stood, "nothing proves it any more"
    assert content_of(out) == content
    assert sorted(path.name for path in out.iterdir()) == [
        "export.json",
        "items.jsonl",
        "metadata.csv",
        "plan.json",
        "wavs",
    ]


def test_a_folder_that_holds_something_else_is_refused(recordings: Dataset, images: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_here(recordings, out, ExportConfig("ljspeech"))
    content = content_of(out)
    other = write_dataset(tmp_path / "other", [[speech_row(1)]], AUDIO)
    for dataset, config in (
        (other, ExportConfig("ljspeech")),
        (recordings, ExportConfig("vctk")),
        (recordings, ExportConfig("ljspeech", audio="flac")),
    ):
        with pytest.raises(OccupiedError, match="holds another dataset, which `export` would overwrite"):
            export_here(dataset, out, config)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    with pytest.raises(OccupiedError, match=r"already holds something else \(thesis.txt\)"):
        export_here(recordings, tmp_path / "mine", ExportConfig("ljspeech"))
    with pytest.raises(OccupiedError):
        export_here(recordings, Path(str(recordings.folder)), ExportConfig("ljspeech"))
    assert content_of(out) == content


def test_what_a_layout_cannot_hold_is_told_with_those_that_can(
    recordings: Dataset, images: Dataset, tmp_path: Path
) -> None:
    def refusal(dataset: Dataset, config: ExportConfig) -> str:
        with pytest.raises(DatasetError) as caught:
            export_here(dataset, tmp_path / "out", config)
        assert not (tmp_path / "out").exists()
        return str(caught.value).removeprefix(f"{dataset.folder}: ")

    assert refusal(recordings, ExportConfig("imagefolder")) == (
        "layout imagefolder holds image, and this dataset is of kind audio. "
        "Choose layout=ljspeech or vctk or webdataset or huggingface."
    )
    assert refusal(images, ExportConfig("vctk")) == (
        "layout vctk holds audio, and this dataset is of kind image. "
        "Choose layout=imagefolder or webdataset or huggingface."
    )
    with pytest.raises(ConfigError, match="audio=flac is for recordings"):
        export_here(images, tmp_path / "out", ExportConfig("webdataset", audio="flac"))
    nameless = [speech_row(1), speech_row(2) | {"speaker": None}]
    dataset = write_dataset(tmp_path / "nameless", [nameless], AUDIO)
    assert "needs the speaker of every row, and 1 of 2 rows have none" in refusal(dataset, ExportConfig("vctk"))
    assert "needs the speaker" in refusal(dataset, ExportConfig("ljspeech", third_column="speaker"))
    assert "there is nothing to export" in refusal(write_dataset(tmp_path / "e", [[]], AUDIO), ExportConfig("ljspeech"))


def test_an_export_is_no_dataset(recordings: Dataset, tmp_path: Path) -> None:
    export_here(recordings, tmp_path / "out", ExportConfig("ljspeech"))
    with pytest.raises(DatasetError, match="holds what `export` wrote of a dataset, not a dataset"):
        open_dataset(locate(str(tmp_path / "out")))


def test_the_page_tells_where_it_comes_from(recordings: Dataset, tmp_path: Path) -> None:
    export_here(recordings, tmp_path / "out", ExportConfig("huggingface"))
    page = json.loads((tmp_path / "out/export.json").read_text())
    assert page["dataset"] == recordings.info.digest
    assert page["lineage"]["model"] == "0123abcd"
    assert page["conventions"] == json.loads(json.dumps(asdict(AUDIO)))
    assert page["num_items"] == {"test": 4, "train": 4, "validation": 4}
    assert page["num_files"] == 3
    assert page["num_bytes"] == sum(path.stat().st_size for path in (tmp_path / "out/data").iterdir())


def test_a_record_is_what_it_says_or_nothing() -> None:
    record = Record("000000", "d", 1, 2, 3, "s")
    assert Record.from_json(asdict(record)) == record
    broken: list[Any] = [None, [], {}, asdict(record) | {"x": 1}, asdict(replace(record)) | {"num_items": "1"}]
    for data in broken:
        with pytest.raises(ValueError, match="expected the fields name, digest"):
            Record.from_json(data)
