"""Folders of manifests and tables: each is claimed by its own layout and by no other."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.corpora.detect import LAYOUTS, find_layout
from pipeline.storage import locate
from tests.corpus_builders import write_wav

OURS = ("hf_audio", "hf_image", "jsonl_manifest", "kaldi", "lhotse")

RECORDING = {
    "id": "a",
    "sources": [{"type": "file", "channels": [0], "source": "wavs/a.wav"}],
    "sampling_rate": 8000,
    "num_samples": 1600,
    "duration": 0.2,
}


def a_corpus(layout: str, folder: Path) -> Path:
    """A tiny corpus of the layout, its recordings beside it."""
    write_wav(folder / "wavs" / "a.wav")
    match layout:
        case "hf_audio" | "hf_image":
            columns: dict[str, list[Any]] = {layout.removeprefix("hf_"): [{"bytes": b"x", "path": "a"}], "label": ["x"]}
            pq.write_table(pa.table(columns), folder / "train.parquet")
        case "jsonl_manifest":
            (folder / "train_manifest.json").write_text('{"audio_filepath": "wavs/a.wav"}\n')
        case "kaldi":
            (folder / "wav.scp").write_text("a wavs/a.wav\n")
        case "lhotse":
            (folder / "recordings.jsonl").write_text(json.dumps(RECORDING))
    return folder


@pytest.mark.parametrize("layout", OURS)
def test_each_is_found_and_no_other_claims_it(layout: str, tmp_path: Path) -> None:
    folder = locate(str(a_corpus(layout, tmp_path)))
    assert [name for name, one in LAYOUTS.items() if not one.is_fallback and one.detect(folder)] == [layout]
    items = list(find_layout(folder).items(folder))
    assert len(items) == 1
    assert items == list(find_layout(folder, layout).items(folder))


def test_no_real_corpus_is_taken_for_a_manifest(shared_data: Path) -> None:
    claimed = {
        (path.name, name)
        for path in sorted(shared_data.iterdir())
        for name in OURS
        if path.is_dir() and LAYOUTS[name].detect(locate(str(path)))
    }
    assert not claimed
