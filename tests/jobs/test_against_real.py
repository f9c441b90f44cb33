"""`evaluate --generated` and `requests`, on Ray and through the command line; what does not fit is refused."""

import io
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from jobs.against_real import Sides, hold_against_real
from jobs.cli import app
from jobs.cli_errors import run_explained
from jobs.cluster import RunningCluster
from jobs.evaluation_tables import tables
from pipeline.errors import DatasetError
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.fit import check_generated
from pipeline.evaluation.against_real.result import AgainstReal
from pipeline.evaluation.evaluation import Evaluation
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import Dataset, finish
from pipeline.shards.schema import AudioConventions, AudioFeatures, ImageConventions
from pipeline.storage import Location
from tests.pipeline.evaluation.against_real.builders import PICTURES, Row, picture, utterance, voice, write
from tests.pipeline.evaluation.tiny_data import digit_row, write_digits
from tests.pipeline.generation.tiny_models import DIGITS, IMAGE, save_tiny

ROOM = RunningCluster("local", 2, 0)
CONFIG = AgainstRealConfig(most_items=30, most_training_items=60, classifier_steps=40)
HEARD = AudioConventions(8000, features=AudioFeatures(f0="dio"))


def compared(generated: Dataset, real: Dataset, split: str = "validation") -> AgainstReal:
    return hold_against_real(Sides(generated, real, split, CONFIG), ROOM, Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return Location(str(tmp_path_factory.mktemp("against-real")))


def digits(number: int, first: int, split: str) -> list[Row]:
    return [picture(f"{split}-{first + n}", first + n, split, str(n % 3)) for n in range(number)]


def test_pictures_that_copy_the_training_items_are_found_out(ray_local: None, root: Location) -> None:
    training, held_out = digits(30, 0, "train"), digits(12, 100, "validation")
    real = write(root / "pictures", [*held_out, *training], PICTURES, 9)
    drawn = [{**row, "item_id": f"g-{n}"} for n, row in enumerate(training[:10])]
    drawn += [{**row, "item_id": f"w-{n}", "label": "0"} for n, row in enumerate(digits(6, 200, "train")) if n % 3]
    found = compared(write(root / "drawn", drawn, PICTURES, 4), real)
    assert (found.num_generated, found.num_real) == (14, 12)
    assert found.memorisation is not None
    assert found.memorisation.generated_copied_share == pytest.approx(10 / 14)
    assert found.memorisation.real_copied_share == 0
    assert found.memorisation.nearer_share > 0.7
    assert (found.memorisation.nearest[0].distance, found.memorisation.generated) == (0, 0)
    label = found.classification["label"]
    assert (label.whole.real, label.num_training_items) == (1, 30)
    assert label.by_class["0"].generated == pytest.approx(4 / 8)
    assert label.by_class["1"].generated == 1
    assert found.copy_synthesis is None
    assert found.notes == ()
    assert set(found.distances) == {"levels", "brightness", "contrast", "mean_picture", "spread_picture"}


def test_copies_of_speech_are_heard_beside_their_rows(ray_local: None, root: Location) -> None:
    held_out = [utterance(f"v{n}", voice(100 + 20 * n), speaker="ann") for n in range(6)]
    training = [utterance(f"t{n}", voice(110 + 20 * n), "train", speaker="ann") for n in range(6)]
    real = write(root / "speech", [*training, *held_out], HEARD, 5)
    drawn = [
        utterance(f"v{n}-0000", voice(100 + 20 * n), "train", speaker="ann", request=json.dumps({"id": f"v{n}"}))
        for n in (0, 3, 5)
    ]
    drawn.append(utterance("v1-0000", voice(100, 0.3), "train", request='{"id": "v1"}'))
    found = compared(write(root / "copies", drawn, HEARD, 2), real)
    assert found.copy_synthesis is not None
    assert (found.copy_synthesis.num_pairs, found.copy_synthesis.left_out) == (3, {"of another length": 1})
    figures = found.copy_synthesis.copy
    assert (figures.mel_cepstral_distortion_db, figures.f0_rmse_hz, figures.voicing_error_share) == (0, 0, 0)
    assert found.copy_synthesis.backwards.mel_cepstral_distortion_db
    assert found.distances["f0"].real == pytest.approx(150, abs=5)
    assert found.classification == {}, "one speaker is nothing to tell"


def test_what_cannot_be_measured_is_told(ray_local: None, root: Location) -> None:
    rows = [utterance(f"v{n}", voice(100 + 20 * n), "train") for n in range(3)]
    real = write(root / "train-alone", rows, AudioConventions(8000))
    drawn = [{**row, "item_id": f"g{n}"} for n, row in enumerate(rows)]
    found = compared(write(root / "of-no-rows", drawn, AudioConventions(8000)), real, "train")
    assert (found.memorisation, found.classification) == (None, {})
    assert found.diversity is not None
    assert found.copy_synthesis is None
    assert [note.partition(":")[0] for note in found.notes] == [
        "No copy synthesis",
        "F0 was not estimated",
        "No nearest training items and no classifier",
    ]


@pytest.fixture(scope="module")
def model(root: Location) -> ExportedModel:
    return save_tiny(root / "model", "image", DIGITS)


def labelled(root: Location) -> Location:
    """Digits of the tiny model's size, with training items."""
    folder = root / "labelled"
    rows = [digit_row(n, ("train", "validation")[n % 2]) for n in range(12)]
    return write(folder, rows, IMAGE).folder


def generate_here(requests: Location, model: ExportedModel, out: Location) -> None:
    """What `generate` does, in this process."""
    target = Target(model.info.conventions, model.info.conditioning, 1000)
    wanted = [parse_request(line, n, target, "") for n, line in enumerate(requests.read_text().splitlines())]
    [plan] = shard_plans(wanted, model.info.digest, GenerateConfig())
    generate_shard(out, plan, model, GenerateConfig())
    finish(out, ["000000"], model.info.conventions, {"made_by": "generate", "model": model.info.digest})


def ancestral(*words: str) -> int:
    return run_explained(typer.main.get_command(app), list(words))


def test_the_whole_way_by_the_command_line(
    ray_local: None,
    root: Location,
    model: ExportedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("jobs.cluster.connect", lambda address: nullcontext(ROOM))
    data, wishes, drawn, page = labelled(root), str(tmp_path / "w.jsonl"), str(tmp_path / "drawn"), tmp_path / "p.json"
    words = [str(model.folder), str(data)]
    assert ancestral("requests", *words, wishes, "--set", "num_items=4") == 0
    generate_here(Location(wishes), model, Location(drawn))
    few = ["--set", "against_real.classifier_steps=5"]
    assert ancestral("evaluate", *words, "--generated", drawn, "--out", str(page), *few) == 0
    said = capsys.readouterr().out
    assert "4 requests for 4 items after rows of split validation" in said
    assert "generated (4 items) against real (6)" in said
    evaluation = Evaluation.from_json(page.read_text(), "here")
    assert evaluation.against_real is not None
    assert evaluation.against_real.num_generated == 4
    assert evaluation.against_real.generated_digest[:12] in evaluation.place(model.folder).uri
    assert json.loads(evaluation.to_json()) == json.loads(page.read_text())
    assert ancestral("evaluate", *words, "--generated", str(data)) == 1
    assert "expected a dataset that `ancestral generate` made" in capsys.readouterr().err
    assert len(list(tables(evaluation))) == 4


@pytest.mark.parametrize(
    ("lineage", "conventions", "said"),
    [
        ({}, IMAGE, "made, this one is of `something else`"),
        ({"made_by": "prepare"}, IMAGE, "this one is of `prepare`"),
        (
            {"made_by": "generate", "model": "ab" * 32, "model_uri": "far/away"},
            IMAGE,
            r"drawn by the model abab.*far/away",
        ),
        ({"made_by": "generate"}, ImageConventions(5, 4, 3, 9), "mean something else"),
    ],
)
def test_what_cannot_be_held_against_it_is_refused(
    root: Location,
    model: ExportedModel,
    lineage: dict[str, Any],
    conventions: ImageConventions,
    said: str,
    tmp_path: Path,
) -> None:
    made_by_it = {"model": model.info.digest} | lineage
    drawn = write(Location(str(tmp_path / "drawn")), [digit_row(0, "train")], conventions, 4, **made_by_it)
    real = write_digits(Location(str(tmp_path / "real")))
    with pytest.raises(DatasetError, match=said):
        check_generated(drawn, real, model.info, str(model.folder))


def test_a_split_without_rows_to_ask_for_is_told(
    root: Location, model: ExportedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nameless = write(root / "nameless", [{**digit_row(1, "validation"), "label": None}], IMAGE).folder
    out = str(tmp_path / "w.jsonl")
    assert ancestral("requests", str(model.folder), str(nameless), out) == 1
    assert "has all that this model is conditioned on (label)" in capsys.readouterr().err
    assert ancestral("requests", str(model.folder), str(nameless), out, "--set", "split=test") == 1
    assert "no rows of split 'test'; the splits are: validation (1 rows)" in capsys.readouterr().err
    assert not Path(out).exists()
