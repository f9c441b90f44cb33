from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ItemError
from pipeline.speech.espeak import PhoneEvent, Speech, Voice, speak
from pipeline.speech.phones import phones_of_text, timed_phones
from pipeline.speech.spans import SILENCE

FORBIDDEN = set("ˈˌ͡‿\u200d() _|")


def test_words_that_are_said_as_one_lose_no_phone() -> None:
    assert phones_of_text("in the water") == ["ɪ", "n", "ð", "ə", "w", "ɔː", "ɾ", "ɚ"]


def test_words_are_said_as_within_a_sentence() -> None:
    assert phones_of_text("a red car")[0] == phones_of_text("a")[0] == "ɐ"  # by itself espeak says eɪ


def test_numbers_punctuation_and_marks_become_words_or_nothing() -> None:
    assert phones_of_text("42!") == phones_of_text("forty two")
    assert phones_of_text("“well” – well...") == phones_of_text("well well")


def test_a_language_switch_leaves_no_mark() -> None:
    phones = phones_of_text("hello привет hello")
    assert not any(set(phone) & FORBIDDEN for phone in phones)
    assert phones[:4] == ["h", "ə", "l", "oʊ"]


def test_a_nul_does_not_end_the_text() -> None:
    assert phones_of_text("red\0blue") == phones_of_text("red blue")


@pytest.mark.parametrize(("language", "first"), [("fr-fr", "b"), ("de", "b"), ("en-us", "b")])
def test_each_language_reads_its_own_way(language: str, first: str) -> None:
    assert phones_of_text("bonjour", language)[0] == first


def test_french_is_not_read_in_the_voice_before() -> None:
    german = phones_of_text("bonjour le monde", "de")
    french = phones_of_text("bonjour le monde", "fr-fr")
    assert french != german
    assert "ɔ̃" in french


def test_an_unknown_language_is_an_item_error_that_offers_near_ones() -> None:
    with pytest.raises(ItemError, match=r"no language 'en-uk'.*en-us") as caught:
        phones_of_text("hello", "en-uk")
    assert caught.value.stage == "phones"


@pytest.mark.parametrize("text", ["", " ", "...", "—", "\n\0"])
def test_a_text_without_phones_is_an_item_error(text: str) -> None:
    with pytest.raises(ItemError, match="nothing in the text") as caught:
        phones_of_text(text)
    assert caught.value.stage == "phones"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_clean_tokens_or_an_item_error(text: str) -> None:
    try:
        phones = phones_of_text(text)
    except ItemError:
        return
    assert phones
    assert all(phone and not set(phone) & FORBIDDEN for phone in phones)


@pytest.mark.parametrize("text", ["blue seven", "white three", "green four horses in the fire"])
def test_speech_holds_the_phones_of_its_text_in_order(text: str) -> None:
    spoken = [timed.phone for timed in timed_phones(speak(text, Voice())) if timed.phone != SILENCE]
    assert spoken == phones_of_text(text)


def test_times_leave_no_gap_and_end_with_the_sound() -> None:
    speech = speak("green one, two", Voice(variant="m3"))
    timed = timed_phones(speech)
    assert timed[0].start_s == 0
    assert timed[-1].end_s == len(speech.timesteps) / speech.sample_rate_hz
    assert all(left.end_s == right.start_s for left, right in pairwise(timed))
    assert all(one.end_s > one.start_s for one in timed)


def test_pauses_are_merged_and_phones_of_no_length_dropped() -> None:
    events = (PhoneEvent("h", 10), PhoneEvent("ˈaɪ", 20), PhoneEvent("x", 30), PhoneEvent("", 30), PhoneEvent("", 40))
    timed = timed_phones(Speech(np.zeros(50, np.int16), 10, events))
    assert [(one.phone, one.start_s, one.end_s) for one in timed] == [
        (SILENCE, 0.0, 1.0),
        ("h", 1.0, 2.0),
        ("aɪ", 2.0, 3.0),
        (SILENCE, 3.0, 5.0),
    ]
