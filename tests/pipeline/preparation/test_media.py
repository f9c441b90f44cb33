"""A file in every row: `datasets` of Hugging Face sees its Audio and Image, and they hold what was prepared."""

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from PIL import Image

from pipeline.preparation.config import AudioConfig, ImageConfig, PrepareConfig, SpeechConfig
from pipeline.preparation.make import make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.shards.dataset import claim, finish, open_dataset
from pipeline.shards.verify import verify_folder
from pipeline.storage import locate
from tests.corpus_builders import fsdd_corpus, write_png


def prepared(corpus: Path, out: Path, config: PrepareConfig) -> list[str]:
    """The shards of a corpus, prepared in one process."""
    found, folder = survey(locate(str(corpus)), config), locate(str(out))
    claim(folder, "prepare", {})
    plans = list(shard_plans(found, config))
    for plan in plans:
        make_shard(folder, plan, config, found.conventions)
    info = finish(folder, [plan.name for plan in plans], found.conventions, {})
    assert list(verify_folder(folder)) == []
    return [str(out / entry.file) for entry in info.shards]


def loaded(files: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    import datasets

    return datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))


@pytest.mark.parametrize("media", ["wav", "flac"])
def test_datasets_sees_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: Any) -> None:
    import datasets

    config = PrepareConfig(audio=AudioConfig(sample_rate_hz=8000, media=media), speech=SpeechConfig(phones="off"))
    files = prepared(fsdd_corpus(tmp_path / "corpus"), tmp_path / "out", config)
    dataset = loaded(files, tmp_path / "cache", monkeypatch)
    assert isinstance(dataset.features["audio"], datasets.Audio)
    assert dataset.features["phone_start"] == datasets.List(datasets.Value("int64"))
    rows = dataset.cast_column("audio", datasets.Audio(decode=False))
    (row,) = (row for row in rows if row["item_id"] == "1_bob_0")
    wave, rate = sf.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
    source, _ = sf.read(tmp_path / "corpus" / "recordings" / "1_bob_0.wav", dtype="int16")
    assert rate == 8000
    assert np.array_equal(wave, source)
    assert row["audio"]["path"].endswith(f".{media}")


def test_datasets_sees_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    for number in range(3):
        write_png(tmp_path / "corpus" / "cat" / f"{number}.png", 50 * number)
    files = prepared(tmp_path / "corpus", tmp_path / "out", PrepareConfig(image=ImageConfig(media="png")))
    dataset = loaded(files, tmp_path / "cache", monkeypatch)
    assert isinstance(dataset.features["image"], datasets.Image)
    (row,) = (row for row in dataset if row["item_id"] == "cat/1.png")
    assert np.array_equal(np.asarray(row["image"]), np.asarray(Image.open(tmp_path / "corpus" / "cat" / "1.png")))
    assert np.asarray(row["image"]).tobytes() == row["levels"]


def test_without_it_the_columns_are_not_there(tmp_path: Path) -> None:
    config = PrepareConfig(audio=AudioConfig(sample_rate_hz=8000), speech=SpeechConfig(phones="off"))
    prepared(fsdd_corpus(tmp_path / "corpus"), tmp_path / "out", config)
    assert "audio" not in open_dataset(locate(str(tmp_path / "out"))).schema.names
    other = replace(config, audio=AudioConfig(sample_rate_hz=8000, media="wav"))
    prepared(tmp_path / "corpus", tmp_path / "with", other)
    assert "audio" in open_dataset(locate(str(tmp_path / "with"))).schema.names
