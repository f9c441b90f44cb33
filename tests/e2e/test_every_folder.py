"""Every folder of real data as a newcomer prepares it, nothing set: an item ends in the dataset or in the failures."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from jobs.cluster import connect
from jobs.prepare import prepare
from pipeline.corpora.detect import find_layout
from pipeline.preparation.config import PrepareConfig
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location, locate

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240), pytest.mark.usefixtures("ray_local")]

FOLDERS: dict[str, tuple[str, int, set[str | None]]] = {
    "LJSpeech-1.1": ("ljspeech", 40, {"corpus"}),
    "RAVDESS": ("ravdess", 16, {"hmm"}),
    "fsdd": ("fsdd", 600, {"hmm"}),
    "hts-arctic": ("audio_folder", 1, {None}),
    "odd-formats": ("audio_folder", 7, {"corpus", "hmm", "uniform", None}),
    "timit-sample": ("timit", 40, {"corpus"}),
    "vctk-excerpt": ("vctk", 10, {None}),
    "waves_yesno": ("yesno", 10, {"hmm"}),
    "cifar10-png": ("image_folder", 3000, set()),
    "mnist": ("idx", 5000, set()),
}
"""Layout, items, and how phones may have come by their times."""

LONG = ("RAVDESS", "cifar10-png", "waves_yesno")
"""Left to the long tests: aligned speech and pictures stand among the others too."""


def test_no_folder_is_left_out(shared_data: Path) -> None:
    assert {path.name for path in shared_data.iterdir() if path.is_dir()} == set(FOLDERS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in sorted(set(FOLDERS) - {"fsdd"})],
)  # 600 alignments of what RAVDESS shows with 16
def test_every_item_is_a_row_or_a_failure(name: str, shared_data: Path, tmp_path: Path) -> None:
    layout, num_items, methods = FOLDERS[name]
    corpus, out = locate(str(shared_data / name)), Location(str(tmp_path / "out"))
    with connect() as cluster:
        info = prepare(corpus, out, PrepareConfig(), cluster, Console(file=io.StringIO()))
    assert info.lineage["layout"] == layout
    expected = [item.item_id for item in find_layout(corpus).items(corpus)]
    rows = pd.concat([pd.read_parquet(tmp_path / "out" / entry.file) for entry in info.shards])
    failures = pd.read_parquet(tmp_path / "out" / "failures.parquet")
    assert sorted([*rows["item_id"], *failures["item_id"]]) == sorted(expected)
    assert len(expected) == num_items
    assert len(failures) == 0
    assert list(verify_folder(out)) == []
    if methods:
        found = {method if isinstance(method, str) else None for method in rows["align_method"]}
        assert found <= methods
        aligned = rows[rows["align_method"] == "hmm"]
        assert aligned["align_suspect"].notna().mean() < 0.1 or not len(aligned)
