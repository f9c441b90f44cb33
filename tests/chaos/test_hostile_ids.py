"""Ids that would lead somewhere else, or look like one another: nothing leaves the output folder, all stay distinct."""

import io
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from pipeline.generation.export import export_shard
from pipeline.preparation.make import make_shard
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.shards.verify import verify_folder
from pipeline.storage import locate
from tests.chaos.runs import CONFIG, prepare_here
from tests.corpus_builders import manifest_corpus

NFC, NFD = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")

PRINTABLE = [
    "../../x",
    "..",
    ".",
    "/",
    "/etc/passwd",
    "/tmp/x",
    "~/x",
    "a/../../b",
    "a//b",
    "a\\b",
    "C:\\x",
    "CON",
    "con",
    "a.",
    "a",
    "A",
    "x" * 300,
    "x" * 301,
    "é" * 300,
    NFC,
    NFD,
    "s3://bucket/x",
    "zip://a::b",
    "%2e%2e/x",
    "$(touch x)",
    "`touch x`",
    "; rm x",
    "-rf",
    "<b>",
    "a|b",
    ".partial-x",
]

UNPRINTABLE = ["a\nb", "a\rb", "a\tb", "\x00", "\x1b[2J", "a\u202eb", "\u2028", "\ud800"]


ALLOWING = replace(CONFIG, max_failure_share=0.5)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_prepared_dataset(tmp_path: Path) -> None:
    lines = [{"audio_filepath": f"{n}.wav", "item_id": name} for n, name in enumerate(PRINTABLE + UNPRINTABLE)]
    corpus = manifest_corpus(tmp_path / "corpus", lines)
    before = tree(tmp_path)
    printed = prepare_here(locate(str(corpus)), locate(str(tmp_path / "out")), ALLOWING, make_shard)
    assert f"{len(UNPRINTABLE)} of {len(lines)} items failed" in printed
    rows = pd.concat([pd.read_parquet(path) for path in (tmp_path / "out/shards").iterdir()])
    assert sorted(rows["item_id"]) == sorted(PRINTABLE)
    failures = pd.read_parquet(tmp_path / "out/failures.parquet")
    assert len(failures) == failures["item_id"].nunique() == len(UNPRINTABLE)
    assert {path.split("/")[0] for path in tree(tmp_path) - before} == {"out"}
    assert {path.split("/")[1] for path in tree(tmp_path) - before if "/" in path} == {
        "plan.json",
        "dataset.json",
        "failures.parquet",
        "shards",
        "commits",
    }
    assert list(verify_folder(locate(str(tmp_path / "out")))) == []


@pytest.mark.parametrize("kind", ["wav", "png"])
def test_exported_files(tmp_path: Path, kind: str) -> None:
    conventions: Any = AudioConventions(8000, "mu-law", 256) if kind == "wav" else ImageConventions(2, 2, 1, 256)
    ids = PRINTABLE + [item_id for item_id in UNPRINTABLE if item_id != "\ud800"]
    rows = [{"item_id": item_id, "levels": bytes([number] * 4)} for number, item_id in enumerate(ids)]
    export_shard(locate(str(tmp_path / "out")), 0, rows, conventions)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {tmp_path / f"out/{kind}/000000"}
    assert len({unicodedata.normalize("NFC", path.name).lower() for path in files}) == len(ids)
    assert max(len(path.name.encode()) for path in files) < 255
    assert all(path.name.isascii() and path.name.isprintable() for path in files)
    if kind == "wav":
        assert len({sf.read(io.BytesIO(path.read_bytes()))[0].tobytes() for path in files}) == len(ids)
    assert np.unique([path.stat().st_size for path in files]).size == 1 or kind == "png"
