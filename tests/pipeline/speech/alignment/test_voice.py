import numpy as np

from pipeline.speech.alignment.voice import say, say_all, text_of
from pipeline.speech.pronounce import pronounce
from tests.alignment_builders import crash


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


def test_a_crash_of_espeak_costs_the_shard_its_voices_and_no_more() -> None:
    assert say_all([("red", "en-us"), ("blue", "en-us")], crash) == [None, None]
