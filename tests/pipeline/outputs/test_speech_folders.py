"""LJ Speech and VCTK: what is written is read back by `prepare` with the same levels, texts and speakers."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile as sf

from pipeline.outputs.config import ExportConfig
from pipeline.outputs.ljspeech import on_one_line
from pipeline.shards.dataset import Dataset
from tests.pipeline.outputs.small import AUDIO, export_here, prepared, rows_of, speech, speech_row, write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return speech(tmp_path_factory.mktemp("speech"))


def items_of(out: Path) -> dict[str, dict[str, Any]]:
    """The table beside the files, by the file's name without ending."""
    lines = (out / "items.jsonl").read_text().splitlines()
    return {Path(item["file"]).stem: item for item in map(json.loads, lines)}


@pytest.mark.parametrize("audio", ["wav", "flac"])
def test_lj_speech_is_read_back(dataset: Dataset, tmp_path: Path, audio: Any) -> None:
    out = tmp_path / "out"
    export_here(dataset, out, ExportConfig("ljspeech", audio=audio))
    items, rows = items_of(out), rows_of(dataset)
    assert [item["item_id"] for item in items.values()] == [row["item_id"] for row in rows], "in the dataset's order"
    assert {sf.info(path).format for path in (out / "wavs").iterdir()} == {audio.upper()}
    back = {items[row["item_id"]]["item_id"]: row for row in prepared(out, tmp_path / "back", "ljspeech")}
    for row in rows:
        read = back[row["item_id"]]
        assert read["levels"] == row["levels"]
        assert read["text"] == (on_one_line(row["text"]) if row["text"] else None)
        assert read["text_normalised"] == (on_one_line(row["text_normalised"] or row["text"] or "") or None)


def test_a_reader_of_three_columns_reads_every_line_of_metadata(dataset: Dataset, tmp_path: Path) -> None:
    """As torchaudio does: no quotes, columns parted by pipes."""
    export_here(dataset, tmp_path / "out", ExportConfig("ljspeech"))
    with (tmp_path / "out/metadata.csv").open(newline="") as file:
        lines = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    assert {len(line) for line in lines} == {3}
    assert [line[0] for line in lines] == [Path(item["file"]).stem for item in items_of(tmp_path / "out").values()]
    assert lines[1] == ["Capital-2", "one   two", "one   two said"]
    assert lines[2][1:] == ["first line second"] * 2


def test_lj_speech_of_several_speakers_is_read_back(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_here(dataset, out, ExportConfig("ljspeech", third_column="speaker"))
    items = items_of(out)
    back = {items[Path(row["source"]).stem]["item_id"]: row for row in prepared(out, tmp_path / "back", "ljspeech")}
    for row in rows_of(dataset):
        assert (back[row["item_id"]]["levels"], back[row["item_id"]]["speaker"]) == (row["levels"], row["speaker"])


def test_vctk_is_read_back(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_here(dataset, out, ExportConfig("vctk", audio="flac"))
    items = items_of(out)
    counts = {"ann": 5, "Bob": 5, "ann_b": 2}
    expected = [f"{speaker}_{number + 1:03d}" for speaker, count in counts.items() for number in range(count)]
    assert sorted(items) == sorted(expected), "numbered by speaker across shards"
    back = {items[row["item_id"]]["item_id"]: row for row in prepared(out, tmp_path / "back", "vctk_like")}
    for row in rows_of(dataset):
        read = back[row["item_id"]]
        assert (read["levels"], read["speaker"]) == (row["levels"], row["speaker"])
        assert (read["text"] or "").split() == (row["text"] or "").split()


def test_ids_that_are_vctks_own_stay(tmp_path: Path) -> None:
    rows = [speech_row(n) | {"item_id": f"p{225 + n}_00{n}", "speaker": f"p{225 + n}"} for n in (3, 1)]
    dataset = write_dataset(tmp_path / "data", [rows], AUDIO)
    export_here(dataset, tmp_path / "out", ExportConfig("vctk"))
    assert {row["item_id"] for row in prepared(tmp_path / "out", tmp_path / "back", "vctk")} == {"p226_001", "p228_003"}


def test_a_text_stands_on_one_line() -> None:
    assert on_one_line("a|b\r\nc\x0bd\x85e\u2028f\n") == "a b c d e f"
    assert on_one_line("") == ""
