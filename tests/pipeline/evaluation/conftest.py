from pathlib import Path

import pytest

from pipeline.model_folder import ExportedModel
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from tests.pipeline.evaluation.tiny_data import write_digits, write_speech
from tests.pipeline.generation.tiny_models import ABBA, DIGITS, SPEECH, TOLD, save_tiny


@pytest.fixture(scope="session")
def speech_data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_speech(Location(str(tmp_path_factory.mktemp("speech-data"))))


@pytest.fixture(scope="session")
def digit_data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_digits(Location(str(tmp_path_factory.mktemp("digit-data"))))


@pytest.fixture(scope="session")
def speech_model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_tiny(Location(str(tmp_path_factory.mktemp("speech"))), "audio", SPEECH)


@pytest.fixture(scope="session")
def told_model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_tiny(Location(str(tmp_path_factory.mktemp("told"))), "audio", TOLD)


@pytest.fixture
def says_abba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.speech.pronounce.pronounce", lambda text, language: ABBA)


@pytest.fixture(scope="session")
def digit_model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_tiny(Location(str(tmp_path_factory.mktemp("digits"))), "image", DIGITS)


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return Location(str(tmp_path))
