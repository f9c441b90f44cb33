from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.fingerprint import Seen
from pipeline.generation.accept.function import load_function
from pipeline.generation.accept.judge import Judge
from tests.pipeline.generation.tiny_models import AUDIO, IMAGE

SILENT = bytes([16] * 500)
LOUD = bytes([0, 31] * 250)


def sound(levels: bytes = LOUD, **more: Any) -> dict[str, Any]:
    return {"item_id": "a-0000", "levels": levels, "bits_per_timestep": 3.0, "request": "{}", **more}


def reason(row: dict[str, Any], **settings: Any) -> str:
    return Judge(AcceptConfig(**settings), AUDIO).reason(row)


def test_what_is_asked_of_nothing_is_accepted() -> None:
    assert AcceptConfig().is_open
    assert reason(sound()) == ""


@pytest.mark.parametrize(
    ("row", "settings", "why"),
    [
        (sound(), {"bits": (0, 2.5)}, "bits is 3, outside 0 to 2.5"),
        (sound(), {"clipped_share": (0, 0.1)}, "clipped_share is 1, outside 0 to 0.1"),
        (sound(SILENT), {"silence_share": (0, 0.5), "silence_db": -20.0}, "silence_share is 1, outside 0 to 0.5"),
        (sound(SILENT), {"sounding_s": (0.1, 9), "silence_db": -20.0}, "sounding_s is 0, outside 0.1 to 9"),
        (sound(SILENT), {"f0_hz": (60, 400)}, "f0_hz is 0, outside 60 to 400"),
    ],
)
def test_a_bound_that_is_passed_is_named(row: dict[str, Any], settings: dict[str, Any], why: str) -> None:
    assert reason(row, **settings) == why
    assert reason(row) == ""


def test_what_the_training_set_has_is_rejected() -> None:
    known = Seen(0)
    known.add("train-7", fingerprint_of(sound(), AUDIO))
    judge = Judge(AcceptConfig(against="training"), AUDIO, known)
    assert judge.reason(sound()) == "nearly the same as train-7 of the training set"
    ramp = bytes(np.linspace(0, 31, 500).astype(np.uint8))
    assert judge.reason(sound(ramp)) == ""


FUNCTION = """
def strict(row, x):
    assert x.shape == (500,) and -1 <= x.min() and x.max() <= 1
    return True if row["bits_per_timestep"] < 2 else "too odd"

def plain(row, x):
    return False

def wrong(row, x):
    return 3

def broken(row, x):
    return 1 / 0
"""


def test_a_function_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FUNCTION)
    file = str(tmp_path / "mine.py")
    assert reason(sound(), function=f"{file}:strict") == "accept.function: too odd"
    assert reason(sound(bits_per_timestep=1.0), function=f"{file}:strict") == ""
    assert reason(sound(), function=f"{file}:plain") == "rejected by accept.function"
    assert load_function(f"{file}:plain") is load_function(f"{file}:plain"), "it may hold a model: it is loaded once"
    with pytest.raises(ConfigError, match=r"must return True, False or a reason, got 3"):
        reason(sound(), function=f"{file}:wrong")
    with pytest.raises(ConfigError, match=r"failed at item 'a-0000': ZeroDivisionError"):
        reason(sound(), function=f"{file}:broken")
    with pytest.raises(ConfigError, match="has no function 'none'"):
        reason(sound(), function=f"{file}:none")
    with pytest.raises(ConfigError, match="cannot be loaded: FileNotFoundError"):
        reason(sound(), function=f"{tmp_path}/none.py:strict")


def test_pictures_have_no_silence() -> None:
    with pytest.raises(ConfigError, match=r"accept\.silence_share is measured of waveforms"):
        Judge(AcceptConfig(silence_share=(0, 1)), IMAGE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": (2, 1)}, "bits must be"),
        ({"bits": (float("nan"), 1)}, "bits must be"),
        ({"same_bits": 32}, "same_bits must be from 0 to 31"),
        ({"max_attempts": 0}, "max_attempts must be at least 1"),
        ({"function": "file.py"}, "function must be FILE.py:NAME"),
        ({"silence_db": -40.0, "f0_hz": (80, 90)}, "silence_db says nothing without silence_share or sounding_s"),
        ({"same_bits": 2, "bits": (1, 2)}, "same_bits says nothing without against; give that too"),
        ({"training_dataset": "lj", "against": "items"}, "training_dataset says nothing without against=training or"),
        ({"max_attempts": 2}, "max_attempts says nothing without something that items must be like"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AcceptConfig(**settings)
