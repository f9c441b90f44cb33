"""ImageFolder: read back by `prepare`, and by Pillow as torchvision reads it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.image.quantise import quantise
from pipeline.outputs.config import ExportConfig
from pipeline.shards.dataset import Dataset
from tests.pipeline.outputs.small import export_here, pictures, prepared, rows_of


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pictures(tmp_path_factory.mktemp("pictures"))


def items_of(out: Path) -> dict[str, str]:
    """File to id."""
    return {item["file"]: item["item_id"] for item in map(json.loads, (out / "items.jsonl").read_text().splitlines())}


def test_splits_labels_and_levels_are_read_back(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_here(dataset, out, ExportConfig("imagefolder"))
    items = items_of(out)
    back = {items[row["item_id"]]: row for row in prepared(out, tmp_path / "back", "image_folder")}
    folders = {"traffic light": "traffic light"}  # others differ by case alone, or hold a slash
    for row in rows_of(dataset):
        read = back[row["item_id"]]
        assert (read["levels"], read["split"]) == (row["levels"], row["split"])
        assert read["label"] == folders.setdefault(row["label"], read["label"])
    assert len(set(folders.values())) == 4
    assert all(name == "traffic light" or "." in name for name in folders.values())


@pytest.mark.parametrize("splits", ["folders", "off"])
def test_a_folder_of_classes_is_what_torchvision_expects(dataset: Dataset, tmp_path: Path, splits: str) -> None:
    """Its `find_classes` and `make_dataset`: every folder right below is a class, and has pictures."""
    export_here(dataset, tmp_path / "out", ExportConfig("imagefolder", splits=splits))  # type: ignore[arg-type]
    roots = [tmp_path / "out"] if splits == "off" else [tmp_path / "out" / name for name in ("train", "test")]
    ids, rows = items_of(tmp_path / "out"), {row["item_id"]: row for row in rows_of(dataset)}
    for root in roots:
        classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
        files = [path for name in classes for path in sorted((root / name).iterdir())]
        assert {path.parent.name for path in files} == set(classes)
        assert len(files) == (12 if splits == "off" else 4)
        for path in files:
            with Image.open(path) as image:
                levels = quantise(np.asarray(image.convert("RGB")), 8)
            assert levels.tobytes() == rows[ids[str(path.relative_to(tmp_path / "out"))]]["levels"]
