"""Held-out rows as requests: generation takes them, and gives back the phones, times and pitch of the row."""

import json
from typing import Any

import numpy as np
import pytest

from pipeline.conditions import Conditioning
from pipeline.evaluation.against_real.chosen import key_of
from pipeline.evaluation.against_real.requests import CopyConfig, as_lines, chosen_requests
from pipeline.generation.requests import Request, parse_request
from pipeline.generation.speech import speech_columns
from pipeline.generation.target import Target
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location
from tests.pipeline.evaluation.against_real.builders import PICTURES, RATE_HZ, Row, picture, utterance, voice, write

SPEECH = AudioConventions(RATE_HZ)
SPOKEN = Conditioning({"speaker": ("ann", "bob")}, ("a", "b"), 40, (), True)
PLAIN = Conditioning({"speaker": ("ann", "bob")})


def spoken(number: int, **columns: Any) -> Row:
    """A row with a pitch: voiced in the middle alone, falling."""
    row = utterance(f"v{number}", voice(120, 0.2 + 0.013 * number), speaker=("ann", "bob")[number % 2])
    count = row["num_timesteps"] // 40 + 1
    voiced = np.arange(count) % 30 > 10
    log_f0 = np.interp(np.arange(count), np.flatnonzero(voiced), np.log(140.0 - np.arange(voiced.sum())))
    return {**row, "log_f0": log_f0.astype("f4").tolist(), "voiced": voiced.tolist(), **columns}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rows = [spoken(number) for number in range(6)]
    rows += [spoken(6, speaker=None), spoken(7, phone=None, phone_start=None, phone_end=None), spoken(8, split="train")]
    return write(Location(str(tmp_path_factory.mktemp("rows"))), rows, SPEECH, 4)


def parsed(requests: list[Row], conditioning: Conditioning) -> list[Request]:
    target = Target(SPEECH, conditioning, 10**6)
    return [parse_request(line, 1, target, "here") for line in as_lines(requests).splitlines()]


def test_generation_gives_back_phones_times_and_pitch(dataset: Dataset) -> None:
    rows = {row["item_id"]: row for table in dataset.tables() for row in table.to_pylist()}
    requests = parsed(chosen_requests(dataset, SPOKEN, CopyConfig()), SPOKEN)
    assert [request.request_id for request in requests] == [f"v{number}" for number in range(6)]
    for request in requests:
        row = rows[request.request_id]
        columns = speech_columns(request.num_timesteps, request.phones, request.f0, SPEECH)
        assert request.splits == {"validation": 1}
        assert request.attributes == {"speaker": row["speaker"]}
        for name in ("num_timesteps", "phone", "phone_start", "phone_end"):
            assert columns[name] == row[name]
        assert columns["log_f0"] == pytest.approx(row["log_f0"], abs=1e-4)


def test_a_model_is_asked_for_what_it_knows(dataset: Dataset) -> None:
    found = chosen_requests(dataset, PLAIN, CopyConfig(num_items=3, count=2, seed=5, temperature=0.8))
    keys = sorted((key_of(f"v{number}", 5), number) for number in range(8) if number != 6)[:3]
    assert [entry["id"] for entry in found] == [f"v{number}" for number in sorted(number for _, number in keys)]
    assert found[0].keys() == {"id", "speaker", "num_timesteps", "split", "count", "seed", "temperature"}
    assert all((request.count, request.seed) == (2, 5) for request in parsed(found, PLAIN))


def test_a_row_without_voice_is_asked_for_at_the_pitch_that_the_model_takes_for_none(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    mute = spoken(0)
    mute["voiced"] = [False] * len(mute["voiced"])
    silent = write(Location(str(tmp_path_factory.mktemp("mute"))), [mute], SPEECH)
    [request] = chosen_requests(silent, SPOKEN, CopyConfig())
    assert request["f0_hz"] == pytest.approx(np.exp(SPOKEN.f0_centre), abs=0.01)


def test_where_phones_do_not_tell_enough_the_text_is_asked_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = Conditioning({}, ("a", "b"), 40, ("stress",))
    rows = [spoken(0, text="ab", language="de", stress=[1, 0]), spoken(1, stress=[1, 0])]
    texts = write(Location(str(tmp_path_factory.mktemp("texts"))), rows, SPEECH)
    [request] = chosen_requests(texts, told, CopyConfig())
    assert request == {"id": "v0", "text": "ab", "language": "de", "num_timesteps": 1600, "split": "validation"}


def test_pictures_are_asked_for_by_their_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = [picture(f"p{number}", number, label=str(number % 3)) for number in range(4)]
    digits = write(Location(str(tmp_path_factory.mktemp("digits"))), rows, PICTURES)
    conditioning = Conditioning({"label": ("0", "1", "2")})
    lines = as_lines(chosen_requests(digits, conditioning, CopyConfig())).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": f"p{number}", "label": str(number % 3), "split": "validation"} for number in range(4)
    ]
    target = Target(PICTURES, conditioning, 1)
    assert [parse_request(line, 1, target, "").attributes["label"] for line in lines] == ["0", "1", "2", "0"]


@pytest.mark.parametrize("wrong", [{"num_items": 0}, {"count": 0}, {"temperature": 0.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        CopyConfig(**wrong)
