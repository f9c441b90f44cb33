"""`export` on Ray: the bytes of one process, a rerun that writes nothing, one message for each mistake."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import jobs.export as subject
from jobs.cluster import RunningCluster
from jobs.config import load_config
from jobs.export import export
from pipeline.errors import ConfigError, DatasetError, Interrupted
from pipeline.outputs.config import ExportConfig
from pipeline.shards.dataset import Dataset
from pipeline.storage import locate
from tests.pipeline.outputs.small import content_of, export_here, speech

ROOM = RunningCluster("local", 2, 0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return speech(tmp_path_factory.mktemp("speech"))


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def run(dataset: Dataset, out: Path, config: ExportConfig) -> str:
    """What is printed."""
    console = Console(file=io.StringIO(), width=200)
    export(dataset.folder, locate(str(out)), config, ROOM, console)
    return told(console)


@pytest.mark.parametrize("layout", ["vctk", "webdataset"])
def test_tasks_write_what_one_process_writes_and_a_rerun_writes_nothing(
    ray_local: None, dataset: Dataset, tmp_path: Path, layout: Any
) -> None:
    config, out = ExportConfig(layout, items_per_part=1), tmp_path / "out"
    said = run(dataset, out, config)
    assert f"{out}: 12 items as {layout}" in said
    assert "parts: 3\n" in said
    export_here(dataset, tmp_path / "here", config)
    assert content_of(out) == content_of(tmp_path / "here")
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*0*.*")}
    assert "parts: 3 (3 stood already)" in run(dataset, out, config)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*0*.*")} == written


def test_records_stand_in_the_datasets_order_whichever_was_finished_first(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last_first(parts: Any, submit: Any, limit: int, hedge: bool) -> Any:
        return [submit(part) for part in reversed(list(parts))]

    monkeypatch.setattr(subject, "fan_out", last_first)
    monkeypatch.setattr("jobs.export.ray.put", lambda value: value)
    monkeypatch.setattr("jobs.export.ray.remote", lambda **_: lambda task: SimpleNamespace(remote=task))
    config = ExportConfig("ljspeech", items_per_part=1)
    said = run(dataset, tmp_path / "out", config)
    assert said.splitlines()[-1].startswith("The layout ljspeech does not tell 3 speakers, ")
    export_here(dataset, tmp_path / "here", config)
    assert content_of(tmp_path / "out") == content_of(tmp_path / "here")


def test_ctrl_c_says_that_the_same_command_goes_on(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(subject, "write_parts", stop)
    with pytest.raises(Interrupted, match="The same command goes on"):
        run(dataset, tmp_path / "out", ExportConfig("ljspeech"))


def test_what_cannot_be_is_told_before_any_work(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="layout imagefolder holds image"):
        run(dataset, tmp_path / "out", ExportConfig("imagefolder"))
    with pytest.raises(DatasetError, match="holds no dataset"):
        export(locate(str(tmp_path)), locate(str(tmp_path / "out")), ExportConfig("vctk"), ROOM, Console())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([], "layout"),
        (["layout=kaldi"], "ljspeech"),
        (["layout=vctk", "splits=off"], "splits is a setting of imagefolder and webdataset alone"),
        (["layout=vctk", "audoi=flac"], "audio"),
    ],
)
def test_settings_that_cannot_be_are_one_message(sets: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(ExportConfig, None, sets)
