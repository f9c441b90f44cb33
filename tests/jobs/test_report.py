import io
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from jobs.cluster import connect
from jobs.report import report
from pipeline.errors import AncestralError, ConfigError, DatasetError, OccupiedError
from pipeline.reports.config import ReportConfig
from pipeline.storage import Location
from tests.pipeline.reports.subject_builders import (
    audio_row,
    evaluation_page,
    metrics,
    model_subject,
    timings_page,
    write_dataset,
    write_json,
)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def demo(tmp_path: Path) -> Location:
    """A folder as the demo leaves it."""
    root = Location(str(tmp_path / "demo"))
    write_dataset(root / "dataset-speech", [audio_row("c", speaker="high-1")])
    model = root / "model-speech"
    write_json(model / "model.json", asdict(model_subject("m").info))
    (model / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics(10)) + '{"step": 12')
    write_json(model / "evaluations/abc-test.json", evaluation_page())
    write_json(model / "run/plan.json", {"format": "ancestral-run"})
    write_json(root / "timings.json", timings_page())
    write_json(root / "somebody.json", ["else"])
    (root / "broken.json").write_text("{")
    (root / "corpus-speech/manifest.jsonl").write_text("{}\n")
    return root


def sections(place: Location) -> set[str]:
    text = place.read_text()
    return {name for name in ("listen", "training", "likelihood", "timings", "data") if f'<section id="{name}"' in text}


def test_a_folder_is_searched_for_all_that_can_be_shown(demo: Location, tmp_path: Path, console: Console) -> None:
    out = Location(str(tmp_path / "page.html"))
    assert report([demo], out, console) == out
    assert sections(out) == {"listen", "training", "likelihood", "timings", "data"}
    assert isinstance(console.file, io.StringIO)
    assert "left out" not in console.file.getvalue()


def test_each_path_is_recognised_for_what_it_is(demo: Location, tmp_path: Path, console: Console) -> None:
    paths = {
        "dataset-speech": {"listen", "data"},
        "model-speech": {"training", "likelihood"},
        "model-speech/evaluations/abc-test.json": {"likelihood"},
        "timings.json": {"timings"},
    }
    for name, expected in paths.items():
        out = report([demo / name], Location(str(tmp_path / "out.html")), console)
        assert sections(out) == expected, name


def test_a_training_that_goes_on_is_shown_with_its_curves(tmp_path: Path, console: Console) -> None:
    settings = {"model": {"name": "wavenet", "kernel_size": 2}, "training": {"num_steps": 5000, "seed": 7}}
    for name in ("one", "other"):
        page = {"format": "ancestral-run", "format_version": 1, "settings": settings}
        write_json(Location(str(tmp_path / name / "run/plan.json")), page)
    lines = [line | {"levels_per_s": 5.0, "gradient_norm": 1 / line["step"]} for line in metrics(12)]
    (tmp_path / "one/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = Location(str(tmp_path / "page.html"))
    report([Location(str(tmp_path / "one"))], out, console)
    text = out.read_text()
    assert sections(out) == {"training"}
    assert f"{lines[-1]['step']:,} of 5,000 steps" in text
    assert "held-out bits per timestep</text>" not in text
    for label in ("bits per timestep", "norm of the gradient", "levels a second", "training.seed"):
        assert label in text
    assert "share of the peak" not in text  # these lines do not tell it
    report([Location(str(tmp_path))], out, console)
    assert out.read_text().count("held-out bits per timestep</text>") == 1
    assert "0 of 5,000 steps" in out.read_text()
    assert "diverged" not in out.read_text()


def test_where_a_training_diverged_is_told_until_it_has_gone_past_it(tmp_path: Path, console: Console) -> None:
    settings = {"model": {"name": "wavenet"}, "training": {"num_steps": 5000}}
    page = {"format": "ancestral-run", "format_version": 1, "settings": settings}
    write_json(Location(str(tmp_path / "run/plan.json")), page)
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics(12)))
    last, out = metrics(12)[-1]["step"], Location(str(tmp_path / "page.html"))
    for step, is_told in ((last + 1, True), (last - 1, False)):
        write_json(Location(str(tmp_path / "run/diverged.json")), {"step": step})
        report([Location(str(tmp_path))], out, console)
        assert (f"at step {step:,}; the items" in out.read_text()) == is_told


def test_trainings_of_one_name_and_a_damaged_line_are_shown_all_the_same(tmp_path: Path, console: Console) -> None:
    settings = {"model": {"name": "wavenet"}, "training": {"num_steps": 50}}
    for parent in ("one", "other"):
        page = {"format": "ancestral-run", "format_version": 1, "settings": settings}
        write_json(Location(str(tmp_path / parent / "000/run/plan.json")), page)
        lines = "".join(json.dumps(line) + "\n" for line in metrics(4))
        (tmp_path / parent / "000/metrics.jsonl").write_bytes(b"\xff{\n" + lines.encode())
    out = Location(str(tmp_path / "page.html"))
    report([Location(str(tmp_path))], out, console)
    assert ">000 (2)</text>" in out.read_text()


def test_a_folder_as_output_gets_report_html(demo: Location, tmp_path: Path, console: Console) -> None:
    out = report([demo / "timings.json"], Location(str(tmp_path)), console)
    assert out.uri == str(tmp_path / "report.html")


def test_the_same_thing_given_twice_is_shown_once(demo: Location, tmp_path: Path, console: Console) -> None:
    out = report([demo / "timings.json", demo], Location(str(tmp_path / "o.html")), console)
    assert out.read_text().count('class="card pair"') == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "does not exist"),
        ("somebody.json", "expected a JSON object, got a list"),
        ("broken.json", "expected JSON"),
        ("model-speech/model.json", "of format 'ancestral-model'"),
        ("corpus-speech", "expected a dataset, a model, a training, an evaluation"),
    ],
)
def test_anything_else_is_a_clear_error(
    demo: Location, tmp_path: Path, console: Console, name: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        report([demo / name], Location(str(tmp_path / "o.html")), console)
    assert not (tmp_path / "o.html").exists()


def test_an_unfinished_dataset_is_an_error_where_named_and_left_out_where_found(
    demo: Location, tmp_path: Path, console: Console
) -> None:
    (demo / "dataset-speech/dataset.json").remove()
    with pytest.raises(DatasetError, match="not finished"):
        report([demo / "dataset-speech"], Location(str(tmp_path / "o.html")), console)
    out = report([demo], Location(str(tmp_path / "o.html")), console)
    assert "listen" not in sections(out)
    assert isinstance(console.file, io.StringIO)
    assert "not finished and left out" in console.file.getvalue()


@pytest.mark.parametrize("field", ["bits", "split", "num_items"])
def test_a_damaged_evaluation_is_named(demo: Location, tmp_path: Path, console: Console, field: str) -> None:
    page = evaluation_page(**{field: None})
    place = write_json(demo / "bad-evaluation.json", page)
    with pytest.raises(AncestralError, match=rf"bad-evaluation\.json: {field} is None"):
        report([place], Location(str(tmp_path / "o.html")), console)


def test_a_folder_where_the_file_should_stand(demo: Location, tmp_path: Path, console: Console) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OccupiedError, match="is a folder"):
        report([demo], Location(str(tmp_path)), console)


@pytest.mark.ray
def test_a_worker_makes_the_same_page(ray_local: None, demo: Location, tmp_path: Path, console: Console) -> None:
    write_dataset(demo / "unfinished", [audio_row("u")])
    (demo / "unfinished/dataset.json").remove()
    here, there = (Location(str(tmp_path / name)) for name in ("here.html", "there.html"))
    config = ReportConfig(title="Ann")
    report([demo], here, console, config)
    with connect() as cluster:
        report([demo], there, console, config, cluster)
        with pytest.raises(ConfigError, match="does not exist"):
            report([demo / "nowhere"], there, console, config, cluster)
    assert there.read_bytes() == here.read_bytes()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("unfinished is not finished and left out") == 2
