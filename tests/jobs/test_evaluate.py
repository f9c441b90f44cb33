import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

import jobs.evaluate as subject
from jobs.cluster import RunningCluster
from jobs.evaluate import evaluate
from jobs.evaluation_tables import likelihood_table
from pipeline.errors import DatasetError, ModelError
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.evaluation import Evaluation, Figure
from pipeline.evaluation.likelihood import Score, Scores
from pipeline.storage import Location
from tests.pipeline.evaluation.tiny_data import write_digits, write_speech
from tests.pipeline.generation.tiny_models import SPEECH, save_tiny

ROOM = RunningCluster("local", 2, 0)


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


def test_values_of_attributes_are_shown_as_they_are() -> None:
    odd = ("[/x]", "[noise]", ":smile:")
    figures = {"speaker": {value: Figure(1.0, 1, 1) for value in odd}}
    said = io.StringIO()
    Console(file=said, width=120).print(
        likelihood_table(Evaluation("m", "0", "d", "1", "[/test]", "bits_per_timestep", 1.0, 8.0, None, 1, 1, figures))
    )
    assert all(f"speaker {value}" in said.getvalue() for value in odd)
    assert "[/test]: bits per timestep" in said.getvalue()


def test_parts_are_merged_in_their_order_whichever_is_finished_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum of floats that depends on its order: 1 is lost beside 1e16, and is not where it comes last."""
    nats = [1.0, 1e16, -1e16]

    def last_first(numbers: Sequence[int], submit: object, limit: int) -> Iterator[tuple[int, Scores]]:
        for number in reversed(numbers):
            yield number, Scores(Score(1, 1, nats[number] if number < 3 else 0.0))

    monkeypatch.setattr(subject, "fan_out", last_first)
    monkeypatch.setattr("jobs.evaluate.ray.put", lambda value: value)
    dataset = write_speech(Location(str(tmp_path / "data")))
    work = subject.Job(dataset.folder, "", EvaluateConfig(levels_per_task=30))
    scores = subject.score_all(work, dataset, ROOM, Console(file=io.StringIO()))
    assert scores.whole.num_items >= 3
    assert scores.whole.nll_nats == sum(nats) == 0.0
    assert sum(reversed(nats)) == 1.0, "or this test could not fail"
