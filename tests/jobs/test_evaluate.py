import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from jobs.cluster import Cluster
from jobs.evaluate import evaluate
from pipeline.errors import DatasetError, ModelError
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import Evaluation
from pipeline.storage import Location
from tests.pipeline.evaluation.tiny_data import write_digits, write_speech
from tests.pipeline.generation.tiny_models import SPEECH, save_tiny

ROOM = Cluster("local", 2, 0)


@pytest.fixture
def model(tmp_path: Path) -> Location:
    return save_tiny(Location(str(tmp_path / "model")), "audio", SPEECH).folder


def test_tasks_score_a_split_and_the_page_is_kept_beside_the_model(
    ray_local: None, model: Location, tmp_path: Path
) -> None:
    dataset, said = write_speech(Location(str(tmp_path / "data"))), io.StringIO()
    console = Console(file=said, width=120)
    found = evaluate(model, dataset.folder, EvaluateConfig(levels_per_task=30), ROOM, console)
    place = model / f"evaluations/{dataset.info.digest[:12]}-validation.json"
    assert Evaluation.from_json(place.read_text(), str(place)) == found
    assert (found.num_items, found.num_levels_scored) == (5, 130)
    assert f"{found.bits:.4f}" in said.getvalue()
    assert "speaker ann" in said.getvalue()

    elsewhere = Location(str(tmp_path / "figures.json"))
    whole = evaluate(model, dataset.folder, EvaluateConfig(window_timesteps=9), ROOM, console, elsewhere)
    assert json.loads(elsewhere.read_text())["bits"] == whole.bits
    assert whole.bits == pytest.approx(found.bits, rel=1e-6)


def test_what_does_not_fit_is_told_before_any_work(model: Location, tmp_path: Path) -> None:
    pictures = write_digits(Location(str(tmp_path / "pictures")))
    with pytest.raises(DatasetError, match="holds pictures"):
        evaluate(model, pictures.folder, EvaluateConfig(), ROOM, Console())
    with pytest.raises(DatasetError, match="holds no dataset"):
        evaluate(model, Location(str(tmp_path / "nowhere")), EvaluateConfig(), ROOM, Console())
    with pytest.raises(ModelError, match="holds no model"):
        evaluate(pictures.folder, pictures.folder, EvaluateConfig(), ROOM, Console())
