import ast
import io
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import typer
from PIL import Image
from rich.console import Console

import jobs.cli
from jobs.cli_errors import run_explained
from jobs.say import say
from pipeline.errors import AncestralError, ConfigError, ModelError, OccupiedError, RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import shard_plans
from pipeline.generation.requests import request_of
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.media import pcm_of
from pipeline.model_folder import ExportedModel, load_model, save_model
from pipeline.prosody.features import FeatureSpace
from pipeline.prosody.files import NUMBERS_FILE, read_prosody, save_prosody
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import ABBA, AUDIO, DIGITS, SPEAKERS, TOLD, save_tiny
from tests.pipeline.prosody.prosody_builders import flat_prosody

SPEAKING = replace(TOLD, attributes={"speaker": ("ann", "bob")})
WISH = {"text": "ab b, a", "speaker": "ann", "seed": 3, "temperature": 0.8, "rate": 1.5}


@pytest.fixture(autouse=True)
def says_abba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.speech.pronounce.pronounce", lambda text, language: ABBA)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Location:
    folder = Location(str(tmp_path_factory.mktemp("voice")))
    return with_prosody(save_tiny(folder, "audio", SPEAKING)).folder


def with_prosody(exported: ExportedModel) -> ExportedModel:
    space = FeatureSpace(SPEAKING.phones, dict(SPEAKING.attributes))
    saved = save_prosody(exported.folder, flat_prosody(space, with_pitch=True))
    save_model(exported.folder, exported.model, replace(exported.info, prosody_sha256=saved.sha256), "# tiny\n")
    return exported


def said_by(model: Location, out: Path, wish: dict[str, Any], **settings: Any) -> tuple[dict[str, Any], str]:
    told = io.StringIO()
    row = say(model, Location(str(out)), wish, GenerateConfig(**settings), Console(file=told, width=200))
    return row, told.getvalue()


@pytest.mark.parametrize("sampler", ["fastest", "torch"])
def test_it_says_what_generate_makes_of_the_same_request(model: Location, tmp_path: Path, sampler: Any) -> None:
    row, _ = said_by(model, tmp_path / "hello.wav", WISH, sampler=sampler)
    exported, target = opened(model)
    (plan,) = shard_plans([request_of(WISH, 1, target, "x")], exported.info.digest, GenerateConfig())
    generate_shard(Location(str(tmp_path / "data")), plan, exported, GenerateConfig(sampler=sampler))
    (made,) = rows_in(tmp_path / "data/shards")
    assert row["levels"] == made["levels"]
    assert {key: made[key] for key in row} == row
    assert row["align_method"] == "predicted"


def opened(model: Location) -> tuple[ExportedModel, Target]:
    exported = load_model(model)
    prosody = read_prosody(model, exported.info.prosody_sha256)
    return exported, Target(exported.info.conventions, exported.info.conditioning, 1000, prosody=prosody)


def rows_in(folder: Path) -> list[dict[str, Any]]:
    (shard,) = folder.iterdir()
    rows: list[dict[str, Any]] = pq.read_table(shard).to_pylist()
    return rows


def test_the_file_holds_the_levels_and_the_line_says_how_fast(model: Location, tmp_path: Path) -> None:
    row, told = said_by(model, tmp_path / "hello.wav", WISH)
    with wave.open(str(tmp_path / "hello.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 1000)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert (heard == pcm_of(row["levels"], AUDIO)).all()
    assert len(heard) == row["num_timesteps"] == 140
    assert told.count("\n") == 1
    assert told.startswith(f"{tmp_path}/hello.wav: 0.14 s in ")
    assert f"× real time; {tmp_path}/hello.png" in told


def test_flac_is_the_same_and_both_are_written_over(model: Location, tmp_path: Path) -> None:
    (tmp_path / "hello.FLAC").write_bytes(b"before")
    (tmp_path / "hello.png").write_bytes(b"before")
    row, _ = said_by(model, tmp_path / "hello.FLAC", WISH)
    heard, rate_hz = soundfile.read(tmp_path / "hello.FLAC", dtype="int16")
    assert rate_hz == 1000
    assert (heard == pcm_of(row["levels"], AUDIO)).all()
    with Image.open(tmp_path / "hello.png") as picture:
        assert picture.format == "PNG"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["hello.FLAC", "hello.png"]


REFUSED = [
    ("hello.mp3", WISH, ConfigError, "ends in .wav or .flac"),
    ("wav", WISH, ConfigError, "ends in .wav or .flac"),
    (".", WISH, OccupiedError, "is a folder"),
    ("hello.wav", {**WISH, "speaker": "eve"}, RequestError, "say: speaker 'eve'; this model knows"),
    ("hello.wav", {"text": "ab"}, RequestError, "say: no speaker; this model knows"),
    ("hello.wav", {**WISH, "emotion": "glad"}, RequestError, "not conditioned on emotion"),
    ("hello.wav", {**WISH, "rate": 9}, RequestError, "rate must be a number from 0.25 to 4"),
]


@pytest.mark.parametrize(("name", "wish", "error", "message"), REFUSED)
def test_what_cannot_be_is_one_message_and_no_file(
    model: Location, tmp_path: Path, name: str, wish: dict[str, Any], error: type[AncestralError], message: str
) -> None:
    with pytest.raises(error, match=message):
        said_by(model, tmp_path / name, wish)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "conditioning", "message"),
    [("image", DIGITS, "makes pictures and cannot speak"), ("audio", SPEAKERS, "is told no phones")],
)
def test_a_model_that_cannot_speak_says_so(tmp_path: Path, kind: str, conditioning: Any, message: str) -> None:
    mute = save_tiny(Location(str(tmp_path / "mute")), kind, conditioning).folder
    with pytest.raises(RequestError, match=message):
        said_by(mute, tmp_path / "hello.wav", {"text": "ab"})


def test_prosody_that_is_damaged_is_named(tmp_path: Path) -> None:
    folder = with_prosody(save_tiny(Location(str(tmp_path / "voice")), "audio", SPEAKING)).folder
    (folder / NUMBERS_FILE).write_bytes(b"?")
    with pytest.raises(ModelError, match=r"prosody\.safetensors: its checksum differs"):
        said_by(folder, tmp_path / "hello.wav", WISH)


def test_a_model_of_before_needs_a_length_and_a_pitch(tmp_path: Path) -> None:
    before = save_tiny(Location(str(tmp_path / "before")), "audio", SPEAKING).folder
    wish = {"text": "ab b, a", "speaker": "ann"}
    with pytest.raises(RequestError, match="give one of duration_s and num_timesteps, got neither"):
        said_by(before, tmp_path / "hello.wav", wish)
    row, _ = said_by(before, tmp_path / "hello.wav", {**wish, "duration_s": 0.1, "f0_hz": 100})
    assert (row["align_method"], row["num_timesteps"]) == ("uniform", 100)


def test_the_command_asks_for_what_was_typed(
    model: Location, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-C", str(tmp_path), "say", str(model), "ab b, a", "x.wav", "--speaker", "bob", "--duration", "0.1"]
    assert run_explained(main(), [*words, "--f0", "90", "--set", "sampler=torch"]) == 0
    assert f"{tmp_path}/x.wav: 0.10 s in" in capsys.readouterr().out
    assert run_explained(main(), [*words, "--rate", "2"]) == 1
    assert "rate and duration_s both set the length" in capsys.readouterr().err


def main() -> Any:
    return typer.main.get_command(jobs.cli.app)


def test_it_needs_no_ray() -> None:
    """What `pipeline` imports, import-linter sees to."""
    of_jobs = {name for name in imported("jobs/say.py") if name.startswith("jobs")}
    assert of_jobs == {"jobs.progress"}
    assert not {name for name in imported("jobs/progress.py") if name.startswith(("jobs", "ray"))}


def imported(file: str) -> set[str]:
    tree = ast.parse((Path(jobs.cli.__file__).parent.parent / file).read_text())
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return named | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
