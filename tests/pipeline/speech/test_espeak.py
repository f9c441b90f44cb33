import ctypes
import re
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest

from pipeline.errors import ConfigError, MissingExtra
from pipeline.speech import espeak
from pipeline.speech.espeak import Speech, Voice, fresh_process, phone_groups, phone_name, speak
from pipeline.speech.espeak_types import Event, load_library


def test_speech_is_mono_16_bits_and_audible() -> None:
    speech = speak("red one", Voice())
    assert speech.timesteps.dtype == np.int16
    assert speech.timesteps.ndim == 1
    assert speech.sample_rate_hz == 22050
    assert np.abs(speech.timesteps.astype(int)).max() > 3000
    assert 0.3 < len(speech.timesteps) / speech.sample_rate_hz < 2


def test_events_lie_in_order_within_the_sound() -> None:
    speech = speak("white three", Voice())
    starts = [event.start for event in speech.events]
    assert all(left <= right for left, right in pairwise(starts))
    assert 0 <= starts[0] <= starts[-1] <= len(speech.timesteps)


def test_a_vowel_is_louder_than_the_pause_after_it() -> None:
    """The times belong to this sound: energy lies where the events say that a vowel is."""
    speech = speak("red", Voice())
    names = [event.name for event in speech.events]
    vowel = names.index("ˈɛ")
    pause = names.index("")
    start, end = speech.events[vowel].start, speech.events[vowel + 1].start
    energy = np.abs(speech.timesteps.astype(float))
    assert energy[start:end].mean() > 10 * energy[speech.events[pause].start :].mean()


def duration_s(voice: Voice) -> float:
    speech = speak("green seven", voice)
    return len(speech.timesteps) / speech.sample_rate_hz


def pitch_hz(speech: Speech) -> float:
    """Of the loudest stretch, by autocorrelation."""
    x = speech.timesteps.astype(float)
    frame = 2048
    loudest = max(range(0, len(x) - frame, 256), key=lambda at: float(np.square(x[at : at + frame]).sum()))
    part = x[loudest : loudest + frame]
    lags = np.correlate(part, part, "full")[frame - 1 :]
    shortest, longest = speech.sample_rate_hz // 400, speech.sample_rate_hz // 60
    return speech.sample_rate_hz / (shortest + int(np.argmax(lags[shortest:longest])))


def test_rate_pitch_and_variant_are_heard() -> None:
    assert duration_s(Voice(rate_words_per_minute=220)) < 0.8 * duration_s(Voice(rate_words_per_minute=130))
    low, high = (pitch_hz(speak("four", Voice(variant="m3", pitch=p, pitch_range=0))) for p in (20, 80))
    assert high > 1.2 * low
    assert duration_s(Voice(variant="f2")) != duration_s(Voice(variant="m3"))


def test_names_that_the_library_would_take_without_a_word_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no voice variant 'f22'.*f2"):
        speak("red", Voice(variant="f22"))
    with pytest.raises(ConfigError, match=r"no language 'en-uk'.*en-us"):
        speak("red", Voice("en-uk"))


@pytest.mark.parametrize(
    ("settings", "message"), [({"rate_words_per_minute": 20}, "80 to 450, got 20"), ({"pitch": 101}, "0 to 100")]
)
def test_settings_out_of_range_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Voice(**settings)  # type: ignore[arg-type]


def test_a_phone_name_may_fill_its_eight_bytes() -> None:
    assert phone_name("ˈɔːɹ".encode()) == "ˈɔːɹ"
    assert len("ˈɔːɹ".encode()) == 8
    assert phone_name(b"\0garbage") == ""
    assert phone_name(b"n" + b"\0xxxxxx") == "n"
    assert phone_name("ˈaːɪə".encode()[:8]) == "ˈaːɪ"  # cut within a letter


def test_the_event_has_the_layout_of_the_header() -> None:
    assert Event.id.offset == 32
    assert ctypes.sizeof(Event) == 40


def test_two_fresh_processes_say_the_same_bytes() -> None:
    assert spoken_afresh() == spoken_afresh()


def spoken_afresh() -> list[bytes]:
    with fresh_process() as process:
        return process.submit(say_twice).result(timeout=60)


def say_twice() -> list[bytes]:
    return [speak("six houses", Voice(variant=variant)).timesteps.tobytes() for variant in ("f2", "m3", "f2")]


def test_threads_do_not_mix_their_phones() -> None:
    texts = ["red one", "blue seven", "green four", "white nine"] * 5
    alone = [phone_groups(text, "en-us") for text in texts]
    together: dict[int, list[list[str]]] = {}

    def work(index: int) -> None:
        together[index] = phone_groups(texts[index], "en-us")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(len(texts))] == alone


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install '.[speech]'")):
        load_library()


def test_every_listed_voice_is_found_by_the_library() -> None:
    """By its tag alone the library finds no fr-fr, en-gb or zh although it lists them."""
    for language in ("fr-fr", "en-gb", "pt-pt", "zh", "no", "es-mx"):
        assert espeak.phone_groups("no", language)


def test_many_texts_turned_into_phones_take_no_phone_from_the_next_speech() -> None:
    before = [event.name for event in speak("blue seven", Voice()).events]
    for num_texts in range(26, 50, 4):  # how many it takes depends on what was said before
        for _ in range(num_texts):
            phone_groups("x y, z", "fr-fr")
        assert [event.name for event in speak("blue seven", Voice()).events] == before
