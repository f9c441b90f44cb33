import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from jobs.cluster import RunningCluster
from jobs.demo import DemoConfig, Stages, earlier_seconds, refuse_others
from jobs.demo_requests import digit_requests, speech_requests
from models.sampling import Departures
from pipeline.conditions import Conditioning
from pipeline.errors import OccupiedError
from pipeline.generation.requests import parse_request
from pipeline.generation.target import Target
from pipeline.storage import Location
from tests.pipeline.reports.subject_builders import AUDIO, PICTURES, audio_row, picture_row, write_dataset


@pytest.fixture
def out(tmp_path: Path) -> Location:
    return Location(str(tmp_path / "demo"))


def stages(out: Location, seconds: dict[str, float] | None = None) -> Stages:
    return Stages(out, Console(file=io.StringIO()), RunningCluster("local", 1, 0), DemoConfig(), seconds or {})


def test_requests_ask_for_the_held_out_utterances_as_they_were_timed(out: Location) -> None:
    phones: dict[str, Any] = {"phone": ["a", "sil", "b"], "phone_start": [0, 100, 100], "phone_end": [100, 100, 2400]}
    rows = [
        audio_row("seen", speaker="high-1", emotion="calm"),
        audio_row("x", speaker="high-1", emotion="calm", split="test", **phones),
        audio_row("y", speaker="low-1", emotion="calm", split="test"),
    ]
    lines = speech_requests(write_dataset(out, rows).dataset, "test", 9, 0.8)
    assert [line["id"] for line in lines] == ["x", "y"]
    target = Target(AUDIO, Conditioning({"speaker": ("high-1", "low-1"), "emotion": ("calm",)}, ("a", "b"), 40), 10**6)
    request = parse_request(json.dumps(lines[0]), 1, target, "line 1")
    assert request.num_timesteps == 2400
    assert (request.phones.phone, request.phones.start, request.phones.end) == (("a", "b"), (0, 100), (100, 2400))
    assert request.departures == Departures(0.8)


def test_requests_are_spread_over_voices(out: Location) -> None:
    rows = [audio_row(f"{s}{n}", speaker=s, split="test") for s in ("high-1", "low-1") for n in range(4)]
    lines = speech_requests(write_dataset(out, rows).dataset, "test", 4, 1.0)
    assert [line["speaker"] for line in lines] == ["high-1", "low-1", "high-1", "low-1"]


def test_every_class_is_asked_for(out: Location) -> None:
    dataset = write_dataset(out, [picture_row("a", "3"), picture_row("b", "1")], PICTURES).dataset
    assert digit_requests(dataset, 2) == [
        {"id": "digit-1", "label": "1", "count": 2},
        {"id": "digit-3", "label": "3", "count": 2},
    ]


def test_a_stage_that_was_done_before_keeps_its_seconds(out: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 50.0, 100.0, 100.5])
    monkeypatch.setattr("jobs.demo.time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert stages(out).timed("train speech", lambda: "model") == "model"
    stages(out, earlier_seconds(out)).timed("train speech", lambda: None)
    assert earlier_seconds(out) == {"train speech": 50.0}


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OccupiedError, match=r"thesis\.tex.*ancestral demo OUT"):
        refuse_others(Location(str(tmp_path)))
    with pytest.raises(OccupiedError):
        refuse_others(Location(str(tmp_path / "thesis.tex")))


def test_a_new_folder_and_an_earlier_demo_are_taken(tmp_path: Path) -> None:
    refuse_others(Location(str(tmp_path / "new")))
    refuse_others(Location(str(tmp_path)))
    (tmp_path / "corpus-speech").mkdir()
    refuse_others(Location(str(tmp_path)))
