"""What a trained model says of itself: what it was conditioned on, and what will stand in the rows that it makes."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.conditions import Conditioning
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.model_folder import ModelInfo, read_model_info
from pipeline.shards.schema import AudioFeatures
from pipeline.storage import Location
from pipeline.training.export import card
from pipeline.training.loop import run
from tests.pipeline.training.datasets import AUDIO, audio_rows, write_dataset
from tests.pipeline.training.runs import small_plan

PREPARED = AudioFeatures("espeak", "hmm", "dio", 0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained on everything that a row can tell."""
    out = tmp_path_factory.mktemp("told")
    counts = {column: [1, 2] for column in LINGUISTIC_COLUMNS}
    rows = [
        {**row, **counts, "log_f0": [5.0, 5.2], "voiced": [True, number % 2 == 0]}
        for number, row in enumerate(audio_rows())
    ]
    dataset = write_dataset(out / "data", rows, replace(AUDIO, features=PREPARED), 5)
    assert run(small_plan(dataset, out / "model", condition_on=("speaker", "phones", "linguistic", "f0"), num_steps=2))
    return out / "model"


@pytest.fixture
def info(folder: Path) -> ModelInfo:
    return read_model_info(Location(str(folder)))


def test_a_model_keeps_all_that_its_features_are_made_with(info: ModelInfo) -> None:
    assert info.conditioning.linguistic == LINGUISTIC_COLUMNS
    assert (info.conditioning.f0, info.conditioning.f0_centre, info.conditioning.f0_spread) == (True, 5.0, 0.5)
    assert info.config["condition"]["num_features"] == 20


def test_rows_that_it_makes_are_pronounced_as_its_corpus_was_and_the_rest_is_of_requests(info: ModelInfo) -> None:
    assert info.conventions == AUDIO
    assert info.conventions.features == AudioFeatures("espeak", "predicted", "requests", 0.01)


def test_the_card_names_the_conditions(folder: Path) -> None:
    page = (folder / "README.md").read_text()
    assert "and speaker, phones, linguistic features and F0." in page
    assert "- linguistic features: stress, phone_in_syllable_forward, " in page
    assert "- F0: (ln(F0 in Hz) - 5) / 0.5, and whether it is voiced" in page
    assert "| features |" not in page
    assert "It always had its condition (condition_dropout 0): requests that ask for guidance are refused." in page


def test_a_model_says_whether_it_can_be_guided(info: ModelInfo) -> None:
    assert info.condition_dropout == 0
    assert replace(info, lineage={}).condition_dropout == 0  # of a release that knew no such setting
    training = {**info.lineage["training"], "condition_dropout": 0.1}
    told = replace(info, lineage={**info.lineage, "training": training})
    assert told.condition_dropout == 0.1
    assert "A share of 0.1 of what it was trained on came without its condition: requests may ask for" in card(told)
    unconditional = replace(info, conditioning=Conditioning())
    assert "None: it is unconditional." in card(unconditional)
    assert "guidance" not in card(unconditional)
