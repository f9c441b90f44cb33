import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.guarding.guard import LimitsConfig
from pipeline.speech.alignment.voice import say, say_all, text_of
from pipeline.speech.espeak import Speech
from pipeline.speech.pronounce import pronounce
from tests.alignment_builders import crash_at_red, hang_at_red, killed_once_at_red


def test_words_are_said_as_they_are_written_with_pauses_between_phrases() -> None:
    assert text_of(pronounce("red cars, and green ones.")) == "red cars, and green ones."


def test_equal_lists_are_said_alike_whatever_was_said_before() -> None:
    wanted = [("red cars", "en-us"), ("rote Autos", "de"), ("red cars", "en-us")]
    first = say_all(wanted)
    assert say("something else", "en-us") is not None
    for one, other in zip(first, say_all(wanted), strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.timesteps, other.timesteps)
        assert one.events == other.events


def test_what_espeak_cannot_say_is_left_out() -> None:
    assert say("red", "en-uk") is None
    assert say("", "en-us") is None
    assert say_all([]) == []


@pytest.fixture
def voices() -> list[Speech | None]:
    """What is said of both texts where nothing goes wrong; the second in a process of its own, too."""
    return [*say_all([("red", "en-us"), ("blue", "en-us")]), *say_all([("blue", "en-us")])]


def alike(one: Speech | None, other: Speech | None) -> bool:
    return one is not None and other is not None and np.array_equal(one.timesteps, other.timesteps)


def test_a_crash_of_espeak_costs_its_text_alone(voices: list[Speech | None]) -> None:
    red, blue = say_all([("red", "en-us"), ("blue", "en-us")], crash_at_red)
    assert red is None
    assert alike(blue, voices[2])


def test_a_kill_from_outside_changes_nothing(
    voices: list[Speech | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILLED_ONCE", str(tmp_path / "killed"))
    red, blue = say_all([("red", "en-us"), ("blue", "en-us")], killed_once_at_red)
    assert (tmp_path / "killed").exists()
    assert alike(red, voices[0])
    assert alike(blue, voices[1])


def test_a_text_that_hangs_is_passed_over_in_its_time(
    voices: list[Speech | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.speech.alignment.voice.LIMITS", LimitsConfig(item_s=3))
    started = time.monotonic()
    red, blue = say_all([("red", "en-us"), ("blue", "en-us")], hang_at_red)
    assert time.monotonic() - started < 60
    assert red is None
    assert alike(blue, voices[2])
