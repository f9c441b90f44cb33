"""A model that is told of phones leaves with what says how long they last."""

import json
from dataclasses import replace
from pathlib import Path

from pipeline.conditions import Conditioning
from pipeline.model_folder import ModelInfo, read_model_info
from pipeline.prosody.files import read_prosody
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location
from pipeline.training.export import conventions_of
from pipeline.training.loop import run
from pipeline.training.prosody import learn_prosody, prosody_figures, prosody_summary
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
    assert learn_prosody(small_plan(dataset, out, condition_on=("speaker",)), dataset) is None
    assert not list(tmp_path.rglob("prosody*"))


def test_phones_that_were_spread_evenly_teach_nothing(tmp_path: Path) -> None:
    rows = [{**row, "align_method": "uniform"} for row in ruled_rows(12)]
    dataset = ruled_dataset(tmp_path / "data", rows)
    plan = small_plan(dataset, tmp_path / "model")
    assert learn_prosody(plan, dataset) is None
    assert conventions_of(plan, None).features.alignment == "uniform"  # type: ignore[union-attr]
    assert prosody_figures(None) == {}


def test_how_prosody_was_learned_is_told_in_a_line() -> None:
    durations = {"duration_rmse_ms": 33.54, "duration_rmse_ms_of_phone_means": 39.93, "duration_correlation": 0.7899}
    pitch = {"f0_rmse_semitones": 4.19, "f0_rmse_semitones_of_speaker_means": 4.38}
    info = ModelInfo("wavenet", {}, AudioConventions(8000), Conditioning(), "")
    assert prosody_summary(info) == ""
    assert prosody_summary(replace(info, figures={"prosody": {"fitted_phones": 5, "held_out_phones": 0}})) == ""
    heard = {"held_out_phones": 648, **durations}
    assert prosody_summary(replace(info, figures={"prosody": heard})) == (
        "Prosody, held out: phones 33.5 ms off (each phone's mean: 39.9), correlation 0.79."
    )
    assert prosody_summary(replace(info, figures={"prosody": heard | pitch})).endswith(
        "0.79; F0 4.19 semitones off (each speaker's mean: 4.38)."
    )
