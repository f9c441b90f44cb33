"""Waveforms that go on from a recording: what is kept, what is counted, what is refused."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.sampling import sample_naive
from models.sampling.kept import Kept
from pipeline.audio.companding import decode_levels, encode_fast
from pipeline.errors import RequestError
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import lane_request
from pipeline.generation.pictures import PictureTarget
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import IMAGE, NOTHING, save_tiny
from tests.pipeline.generation.tiny_scales import items_for, requests_of, rows_of, told

RATE_HZ = 4000
"""The lowest that a recording may have; the tiny model's own is 1,000."""

ASKED = {"prefix": "start.wav", "num_timesteps": 60, "count": 3}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_tiny(Location(str(tmp_path_factory.mktemp("waveforms"))), "audio", NOTHING)


def save_wav(path: Path, num_timesteps: int) -> None:
    """A tone of so many timesteps."""
    values = (8000 * np.sin(np.arange(num_timesteps) / 20)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(values.tobytes())


@pytest.fixture
def target(model: ExportedModel, tmp_path: Path) -> Target:
    save_wav(tmp_path / "start.wav", 96)
    return Target(model.info.conventions, NOTHING, 1000, pictures=PictureTarget(str(tmp_path)))


@pytest.mark.parametrize("sampler", ["fastest", "torch"])
def test_the_rest_is_drawn_as_the_definition_draws_it(
    model: ExportedModel, tmp_path: Path, target: Target, sampler: Any
) -> None:
    config = GenerateConfig(sampler=sampler, num_lanes=8)
    rows = rows_of(Location(str(tmp_path / "out")), [ASKED], model, target, config)
    items = items_for([ASKED], target)
    starts = {row["levels"][:24] for row in rows}
    assert (len(starts), len({row["levels"] for row in rows})) == (1, 3)
    for item, row in zip(items, rows, strict=True):
        request = lane_request(item, model.info)
        assert isinstance(request.kept, Kept)
        assert int(request.kept.mask.sum()) == 24, "96 timesteps at four times the model's rate"
        naive = sample_naive(model.model, (60,), None, torch.tensor([request.key]), kept=request.kept)
        assert row["levels"] == bytes(naive.levels[0].tolist())
        assert row["nll_nats"] == pytest.approx(float(naive.nll_nats[0]), rel=1e-5)
        assert row["bits_per_timestep"] == pytest.approx(row["nll_nats"] / (36 * np.log(2)))
    assert set(told(rows[0])) == {*ASKED, "prefix_sha256"}


def test_what_is_kept_sounds_like_the_file(model: ExportedModel, target: Target) -> None:
    request = lane_request(items_for([ASKED], target)[0], model.info)
    assert request.kept is not None
    levels = request.kept.levels[0, 4:20].numpy().astype(np.uint8)  # a resampler settles at the ends
    tone = (np.sin(np.arange(96)[::4] / 20) * 8000 / 32768).astype(np.float32)
    expected = encode_fast(tone, 32)[4:20]
    assert np.abs(decode_levels(levels, 32) - decode_levels(expected, 32)).max() < 0.05


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"prefix": "none.wav"}, r"line 1: prefix: .*none.wav does not exist"),
    "no recording": ({"prefix": "text.wav"}, "text.wav: .*expected a recording, such as a WAV file"),
    "as long as the item": ({"num_timesteps": 24}, "has 24 timesteps at 1000 Hz, and the item 24 in all"),
    "much longer": ({"prefix": "long.wav"}, "long.wav: .*shorter than the item"),
    "changed": ({"prefix_sha256": "0"}, "prefix_sha256 is '0', and what .* holds has .*: it was changed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_start_is_refused(tmp_path: Path, target: Target, name: str) -> None:
    (tmp_path / "text.wav").write_text("no recording")
    save_wav(tmp_path / "long.wav", 8000)
    line, message = REFUSED[name]
    with pytest.raises(RequestError, match=message):
        requests_of([ASKED | line], target)


def test_a_checksum_alone_and_a_picture_are_refused(target: Target) -> None:
    with pytest.raises(RequestError, match="does not name"):
        requests_of([{"num_timesteps": 60, "prefix_sha256": "0"}], target)
    with pytest.raises(RequestError, match="prefix asks for a waveform, and this model makes pictures"):
        requests_of([{"prefix": "start.wav"}], Target(IMAGE, NOTHING, 1000))


def test_a_file_that_changes_after_the_check_is_found(model: ExportedModel, tmp_path: Path, target: Target) -> None:
    (item, *_) = items_for([ASKED], target)
    save_wav(tmp_path / "start.wav", 92)
    with pytest.raises(RequestError, match=r"start.wav was changed since the requests were checked"):
        lane_request(item, model.info)
