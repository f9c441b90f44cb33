"""A model that is told of phones leaves with what says how long they last."""

import json
from pathlib import Path

from pipeline.model_folder import read_model_info
from pipeline.prosody.files import read_prosody
from pipeline.storage import Location
from pipeline.training.loop import run
from pipeline.training.world import Alone
from tests.pipeline.prosody.prosody_builders import ruled_dataset, ruled_rows
from tests.pipeline.training.runs import Watcher, small_plan


def test_a_model_told_of_phones_has_prosody_beside_it(tmp_path: Path) -> None:
    dataset, out = ruled_dataset(tmp_path / "data", ruled_rows(12)), tmp_path / "model"
    assert run(small_plan(dataset, out, condition_on=("speaker", "phones", "f0"), num_steps=1), Alone(), Watcher())
    info = read_model_info(Location(str(out)))
    prosody = read_prosody(Location(str(out)), info.prosody_sha256)
    assert prosody is not None
    assert prosody.pitch is not None
    assert prosody.space.phones == info.conditioning.phones
    assert info.figures["prosody"] == prosody.figures
    assert info.conventions.features.alignment == "predicted"  # type: ignore[union-attr]
    card = (out / "README.md").read_text()
    assert f"| duration rmse ms | {prosody.figures['duration_rmse_ms']} |" in card
    assert "| prosody |" not in card

    page = json.loads((out / "model.json").read_text())
    (out / "model.json").write_text(json.dumps({**page, "prosody_sha256": ""}))
    assert read_model_info(Location(str(out))).digest == info.digest


def test_a_model_that_is_told_of_none_has_none(tmp_path: Path) -> None:
    dataset, out = ruled_dataset(tmp_path / "data", ruled_rows(12)), tmp_path / "model"
    assert run(small_plan(dataset, out, condition_on=("speaker",), num_steps=1), Alone(), Watcher())
    assert read_model_info(Location(str(out))).prosody_sha256 == ""
    assert not list(out.glob("prosody*"))


def test_phones_that_were_spread_evenly_teach_nothing(tmp_path: Path) -> None:
    rows = [{**row, "align_method": "uniform"} for row in ruled_rows(12)]
    dataset, out = ruled_dataset(tmp_path / "data", rows), tmp_path / "model"
    assert run(small_plan(dataset, out, condition_on=("speaker", "phones"), num_steps=1), Alone(), Watcher())
    info = read_model_info(Location(str(out)))
    assert info.prosody_sha256 == ""
    assert info.conventions.features.alignment == "uniform"  # type: ignore[union-attr]
    assert "## Speaking" not in (out / "README.md").read_text()
