"""Frequencies as a request gives them, and the columns that become of them."""

from typing import Any

import numpy as np
import pytest

from pipeline.errors import RequestError
from pipeline.frames import Frames
from pipeline.generation.pitch import contour_of, f0_columns
from pipeline.generation.timing import Phones
from pipeline.shards.schema import AudioConventions, AudioFeatures
from pipeline.speech.f0 import num_frames
from pipeline.speech.voicing import is_voiced
from tests.pipeline.generation.tiny_models import AUDIO, TOLD

ONE = Phones(("a",), (0,), (100,))


def columns(f0_hz: Any, phones: Phones = ONE, conventions: AudioConventions = AUDIO) -> dict[str, list[Any]]:
    length = phones.end[-1]
    return f0_columns(contour_of(f0_hz, length / conventions.sample_rate_hz, "x"), phones, length, conventions)


def test_one_frequency_holds_throughout() -> None:
    made = columns(120)
    assert made["log_f0"] == [float(np.float32(np.log(120)))] * 21  # 100 timesteps at 1000 Hz, a value each 5 ms
    assert made["voiced"] == [True] * 21


def test_points_are_joined_in_ln_hz_and_held_at_the_ends() -> None:
    made = np.exp(columns([[0.02, 100], [0.06, 400], [0.08, 50]])["log_f0"])
    assert made[[0, 4]] == pytest.approx([100, 100])
    assert made[8] == pytest.approx(200)  # half way from 100 to 400 to the ear
    assert made[[12, 14, 16, 20]] == pytest.approx([400, (400 * 50) ** 0.5, 50, 50], rel=1e-6)


def test_pauses_and_voiceless_consonants_are_unvoiced() -> None:
    phones = Phones(("s", "a", "sil", "tʃ"), (0, 20, 60, 80), (20, 60, 80, 100))
    voiced = columns(120, phones)["voiced"]
    assert voiced == [False] * 4 + [True] * 8 + [False] * 9  # the value at the very end is the last phone's


@pytest.mark.parametrize(
    "phone", ["p", "t", "k", "f", "θ", "s", "ʃ", "h", "tʃ", "ts", "x", "ʔ", "TH", "HH", "CH", "sil"]
)
def test_voiceless(phone: str) -> None:
    assert not is_voiced(phone)


@pytest.mark.parametrize(
    "phone", ["b", "d", "ɡ", "v", "ð", "z", "ʒ", "dʒ", "m", "n", "ŋ", "l", "ɹ", "ɾ", "aɪ", "oʊ", "DH"]
)
def test_voiced(phone: str) -> None:
    assert is_voiced(phone)


@pytest.mark.parametrize(("rate_hz", "period_s"), [(22050, 0.005), (16000, 0.01), (8000, 0.005)])
@pytest.mark.parametrize("length", [1, 110, 1000, 22050])
def test_there_are_as_many_values_as_in_a_prepared_row(rate_hz: int, period_s: float, length: int) -> None:
    conventions = AudioConventions(rate_hz, features=AudioFeatures(frame_period_s=period_s))
    made = columns(120, Phones(("a",), (0,), (length,)), conventions)
    assert len(made["log_f0"]) == len(made["voiced"]) == num_frames(length, rate_hz, period_s)


def test_the_model_hears_what_was_asked_for() -> None:
    """From the request's hertz to the features at the centres of the model's frames."""
    row = {"phone": ["a"], "phone_start": [0], "phone_end": [100], "num_timesteps": 100}
    row |= {"stress": [1], "words_in_phrase": [1]}
    frames: Frames = TOLD.frames({**row, **columns([[0, 100], [0.1, 200]])}, AUDIO, "x")
    centres_s = (np.arange(20) + 0.5) * TOLD.hop / AUDIO.sample_rate_hz
    expected = (np.log(100) + np.log(2) * centres_s / 0.1 - 5) / 0.5
    assert frames.features[:, -2] == pytest.approx(expected, abs=1e-6)
    assert frames.features[:, -1].tolist() == [1] * 20


@pytest.mark.parametrize(
    ("f0_hz", "said"),
    [
        (19.9, "f0_hz must be from 20 to 2000 Hz, got 19.9"),
        (2001, "f0_hz must be from 20 to 2000 Hz, got 2001"),
        (float("nan"), "f0_hz must be from 20 to 2000 Hz, got nan"),
        (True, "f0_hz must be a number of hertz or points such as [[0, 110], [0.4, 140]], got True"),
        ("120", "f0_hz must be a number of hertz or points"),
        ([], "f0_hz must be a number of hertz or points"),
        (None, "f0_hz must be a number of hertz or points"),
        ([[0, 110], [0.05]], "f0_hz[1] must be [time_s, hz], got [0.05]"),
        ([0, 110], "f0_hz[0] must be [time_s, hz], got 0"),
        ([["0", 110]], "f0_hz[0] must be [time_s, hz]"),
        ([[0, 110], [0.05, 0]], "f0_hz[1] must be from 20 to 2000 Hz, got 0"),
        ([[0, "high"]], "f0_hz[0] must be from 20 to 2000 Hz, got 'high'"),
        ([[0, 110], [0.2, 120]], "f0_hz[1] is at 0.2 s; the item lasts from 0 to 0.1 s"),
        ([[-1, 110]], "f0_hz[0] is at -1 s; the item lasts from 0 to 0.1 s"),
        ([[float("nan"), 110]], "f0_hz[0] is at nan s"),
        ([[10**400, 110]], "the item lasts from 0 to 0.1 s"),
        ([[0.05, 110], [0.05, 120]], "times of f0_hz must rise; f0_hz[1] is at 0.05 s, after one at 0.05 s"),
    ],
)
def test_what_is_no_pitch_is_one_clear_error(f0_hz: Any, said: str) -> None:
    with pytest.raises(RequestError) as error:
        columns(f0_hz)
    assert str(error.value).startswith("x: ")
    assert said in str(error.value)
    assert len(str(error.value)) < 300
