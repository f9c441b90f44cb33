"""A thousand damaged files through whole preparations: no crash, and each is a row or a failure with a reason."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from PIL import Image

from pipeline.corpora.detect import LAYOUTS
from pipeline.items import BadItem
from pipeline.preparation.config import ImageConfig, PrepareConfig
from pipeline.storage import locate
from tests.chaos.runs import CONFIG, prepare_here
from tests.corpus_builders import tone, write_wav
from tests.image_builders import gradient, saved
from tests.label_builders import ARCTIC, PHN, TEXTGRID
from tests.mutations import mutations

SOUNDS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}

PICTURES = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "tif": "TIFF", "webp": "WEBP", "bmp": "BMP"}

LABELS = {"TextGrid": TEXTGRID.encode(), "lab": ARCTIC, "phn": PHN}

LISTS = {
    "jsonl_manifest": (
        "manifest.jsonl",
        b'{"audio_filepath": "a.wav", "text": "hi", "phones": [["h", 0.0, 0.1]]}\n' * 3,
    ),
    "ljspeech": ("metadata.csv", "a|Hëllo.|hello\nb|There.\n".encode() * 2),
    "kaldi": ("wav.scp", b"a a.wav\nb b.wav\n"),
}

LENIENT = replace(CONFIG, max_failure_share=1.0, failures_always_allowed=10_000)


def sound(ending: str) -> bytes:
    sink = io.BytesIO()
    sf.write(sink, tone(num_timesteps=1600), 8000, format=ending, subtype=SOUNDS[ending])
    return sink.getvalue()


def prepare_all(corpus: Path, config: PrepareConfig) -> tuple[int, Counter[str]]:
    """How many rows there are, and how many failures at each stage; each failure has a reason."""
    out = corpus.parent / "out"
    prepare_here(
        locate(str(corpus)), locate(str(out)), replace(config, shards=replace(config.shards, items_per_shard=100))
    )
    failures = pd.read_parquet(out / "failures.parquet")
    assert failures["reason"].str.len().min() > 5
    assert failures["item_id"].is_unique
    num_rows = sum(len(pd.read_parquet(path)) for path in (out / "shards").iterdir())
    return num_rows, Counter(failures["stage"])


def write_all(folder: Path, files: dict[str, bytes], count: int) -> None:
    """So many damaged copies of each, numbered; `files` by ending."""
    folder.mkdir(parents=True)
    for ending, data in files.items():
        for number, damaged in enumerate(mutations(data, count, seed=len(ending))):
            (folder / f"{ending}{number:03}.{ending}").write_bytes(damaged)


def test_four_hundred_recordings(tmp_path: Path) -> None:
    write_all(tmp_path / "corpus", {ending: sound(ending) for ending in SOUNDS}, 100)
    num_rows, stages = prepare_all(tmp_path / "corpus", LENIENT)
    assert num_rows + stages.total() == 400
    assert set(stages) <= {"read", "decode", "audio"}
    assert num_rows > 20
    assert stages.total() > 100


def test_three_hundred_pictures(tmp_path: Path) -> None:
    picture = Image.fromarray(gradient(20, 16))
    write_all(tmp_path / "corpus/cat", {ending: saved(picture, kind) for ending, kind in PICTURES.items()}, 50)
    num_rows, stages = prepare_all(tmp_path / "corpus", replace(LENIENT, image=ImageConfig(8, 8, 3)))
    assert num_rows + stages.total() == 300
    assert set(stages) <= {"read", "decode"}
    assert num_rows > 20
    assert stages.total() > 100


def test_two_hundred_and_ten_labels(tmp_path: Path) -> None:
    write_all(tmp_path / "corpus", LABELS, 70)
    for path in list((tmp_path / "corpus").iterdir()):
        write_wav(path.with_suffix(".wav"), tone(num_timesteps=20_000))
    corpus_s = replace(LENIENT, speech=replace(LENIENT.speech, phones="corpus"))
    num_rows, stages = prepare_all(tmp_path / "corpus", corpus_s)
    assert num_rows + stages.total() == 210
    assert num_rows > 20
    assert stages.total() > 50


@pytest.mark.parametrize("name", LISTS)
def test_thirty_lists_of_each_kind(tmp_path: Path, name: str) -> None:
    file, data = LISTS[name]
    for wav in ("a", "b", "wavs/a", "wavs/b"):
        write_wav(tmp_path / f"{wav}.wav", np.zeros(10, np.float32))
    kinds: Counter[str] = Counter()
    for damaged in mutations(data, 30):
        (tmp_path / file).write_bytes(damaged)
        items = list(LAYOUTS[name].items(locate(str(tmp_path))))
        assert len({item.item_id for item in items}) == len(items)
        assert all(item.reason for item in items if isinstance(item, BadItem))
        kinds.update(type(item).__name__ for item in items)
    assert kinds["AudioItem"]
    assert kinds["BadItem"]
