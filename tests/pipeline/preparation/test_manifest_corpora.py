"""Corpora of manifests and tables go the whole way: pieces, channels, commands and rows become the right levels."""

import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf

from pipeline.audio.companding import encode_fast
from pipeline.audio.decode import Waveform
from pipeline.errors import ItemError
from pipeline.items import Item
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig
from pipeline.preparation.plan import survey
from pipeline.preparation.prepare import prepare_item
from pipeline.storage import locate
from tests.corpus_builders import tone, write_png, write_wav

CONFIG = PrepareConfig(audio=AudioConfig(sample_rate_hz=8000), speech=SpeechConfig(phones="off"))

TONES = np.stack([tone(16_000, seed=seed, frequency_hz=200 + 90 * seed) for seed in range(2)], axis=1)

WAVES = (TONES * 32768).astype(np.int16)


def rows(folder: Path, config: PrepareConfig = CONFIG) -> dict[str, dict[str, Any] | str]:
    """Each item's row, or the stage at which it failed."""
    found = survey(locate(str(folder)), config)
    return {item.item_id: outcome(item, config, found.conventions) for item in found.layout.items(found.corpus)}


def outcome(item: Item, config: PrepareConfig, conventions: Any) -> dict[str, Any] | str:
    try:
        (row,) = prepare_item(item, config, conventions, Counter())
    except ItemError as error:
        return error.stage
    return row


def levels(row: dict[str, Any] | str) -> bytes:
    assert isinstance(row, dict), row
    return bytes(row["levels"])


def expected(start: int, end: int, channel: int | None = None) -> bytes:
    """The levels of a piece of the recording."""
    whole = (WAVES / 32768).astype(np.float32)
    wave: Waveform = whole.mean(axis=1) if channel is None else whole[:, channel]
    return encode_fast(wave[start:end]).tobytes()


def test_segments_of_kaldi_and_commands_that_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = write_wav(tmp_path / "corpus" / "rec.wav", WAVES)
    program = tmp_path / "bin" / "play"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -IS\nimport sys\nsys.stdout.buffer.write(open(sys.argv[1], 'rb').read())\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (tmp_path / "corpus" / "wav.scp").write_text(f"a rec.wav\nb play {recording} |\n")
    (tmp_path / "corpus" / "segments").write_text("a-1 a 0.25 0.75\na-2 a 1 2.01 1\na-3 a 1 3\nb-1 b 0.5 -1\n")
    found = rows(tmp_path / "corpus")
    assert levels(found["a-1"]) == expected(2000, 6000)
    assert levels(found["a-2"]) == expected(8000, 16_000, channel=1)
    assert (found["a-3"], found["b-1"]) == ("decode", "command")
    allowing = PrepareConfig(
        audio=AudioConfig(sample_rate_hz=8000, allow_programs=("play",)), speech=SpeechConfig(phones="off")
    )
    assert levels(rows(tmp_path / "corpus", allowing)["b-1"]) == expected(4000, 16_000)


def test_cuts_of_lhotse(tmp_path: Path) -> None:
    write_wav(tmp_path / "rec.wav", WAVES)
    source = {"type": "file", "channels": [0, 1], "source": "rec.wav"}
    recording = {"id": "rec", "sources": [source], "sampling_rate": 8000, "num_samples": 16_000, "duration": 2.0}
    cuts = [
        {"id": "one", "type": "MonoCut", "start": 0.5, "duration": 1.0, "channel": 1},
        {"id": "both", "type": "MultiCut", "start": 0, "duration": 2.0, "channel": [0, 1]},
    ]
    lines = [json.dumps({**cut, "supervisions": [], "recording": recording}) for cut in cuts]
    (tmp_path / "cuts.jsonl").write_text("\n".join(lines))
    found = rows(tmp_path)
    assert levels(found["one"]) == expected(4000, 12_000, channel=1)
    assert levels(found["both"]) == expected(0, 16_000)


def test_pieces_of_a_manifest(tmp_path: Path) -> None:
    write_wav(tmp_path / "rec.wav", WAVES)
    lines = [{"audio_filepath": "rec.wav", "offset": 0.5, "duration": 0.25}, {"audio_filepath": "rec.wav"}]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = rows(tmp_path)
    assert levels(found["rec@0.500-0.750"]) == expected(4000, 6000)
    assert levels(found["rec"]) == expected(0, 16_000)


def test_rows_of_parquet(tmp_path: Path) -> None:
    sink = io.BytesIO()
    sf.write(sink, WAVES, 8000, format="FLAC")
    column = [{"bytes": sink.getvalue(), "path": None}, {"bytes": b"no audio", "path": None}]
    (tmp_path / "audio").mkdir()
    pq.write_table(pa.table({"audio": column}), tmp_path / "audio" / "train.parquet")
    found = rows(tmp_path / "audio")
    assert levels(found["train-000000"]) == expected(0, 16_000)
    assert found["train-000001"] == "decode"
    picture = write_png(tmp_path / "image" / "a.png").read_bytes()
    pq.write_table(pa.table({"image": [{"bytes": picture, "path": None}]}), tmp_path / "image" / "all.parquet")
    (tmp_path / "image" / "a.png").unlink()
    (row,) = rows(tmp_path / "image").values()
    assert isinstance(row, dict)
    assert (row["height"], row["width"], row["channels"]) == (3, 4, 3)
