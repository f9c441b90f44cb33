from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.items import TimedPhone, TimedWord
from pipeline.speech.spans import SILENCE_LABELS
from pipeline.speech.timed_utterance import utterance_of_times
from pipeline.speech.utterance import Utterance


def phones_at(labels: str, seconds_each: float = 0.1) -> list[TimedPhone]:
    """Phones one after the other; "_" is the empty label of a pause."""
    names = ["" if label == "_" else label for label in labels.split()]
    return [TimedPhone(name, n * seconds_each, (n + 1) * seconds_each) for n, name in enumerate(names)]


def word(text: str, first: int, last: int) -> TimedWord:
    """A word from one phone to another, both of it."""
    return TimedWord(text, first * 0.1, (last + 1) * 0.1)


def shape(utterance: Utterance) -> list[list[tuple[str, str]]]:
    return [
        [(w.text, " . ".join(" ".join(phone.symbol for phone in s) for s in w.syllables)) for w in phrase]
        for phrase in utterance.phrases
    ]


def test_phones_belong_to_the_word_at_their_middle() -> None:
    phones = phones_at("sil R EH1 D W AO1 T ER0 sil")
    words = [TimedWord("red", 0.13, 0.44), TimedWord("water", 0.44, 0.77)]  # not quite at the phones' borders
    utterance, places = utterance_of_times(phones, words)
    assert shape(utterance) == [[("red", "R EH D"), ("water", "W AO . T ER")]]
    assert places == [None, 0, 1, 2, 3, 4, 5, 6, None]


def test_a_digit_of_stress_goes_to_the_syllable() -> None:
    utterance, _ = utterance_of_times(phones_at("W AO1 T ER0 M EH2 L"), [word("watermelon", 0, 6)])
    assert [(phone.symbol, phone.stress) for phone in utterance.phones] == [
        *(("W", 1), ("AO", 1), ("T", 0), ("ER", 0), ("M", 2), ("EH", 2), ("L", 2)),
    ]


def test_a_mark_of_stress_goes_to_the_syllable_too() -> None:
    utterance, _ = utterance_of_times(phones_at("h ə l ˈoʊ"), [word("hello", 0, 3)])
    assert [(phone.symbol, phone.stress) for phone in utterance.phones] == [("h", 0), ("ə", 0), ("l", 1), ("oʊ", 1)]


def test_a_phrase_ends_at_a_pause_between_words() -> None:
    phones = phones_at("r eh d pau n aw pau pau h#")
    utterance, places = utterance_of_times(phones, [word("red", 0, 2), word("now", 4, 5)])
    assert shape(utterance) == [[("red", "r eh d")], [("now", "n aw")]]
    assert places == [0, 1, 2, None, 3, 4, None, None, None]


@pytest.mark.parametrize("label", ["SIL", "sp", "SP", "<eps>", "epi"])
def test_every_way_of_writing_a_pause_is_one(label: str) -> None:
    utterance, places = utterance_of_times(phones_at(f"r eh d {label} n aw"), [word(label, 3, 3)])
    assert shape(utterance) == [[("", "r eh d")], [("", "n aw")]]
    assert places[3] is None


def test_a_pause_within_a_word_ends_nothing() -> None:
    phones = phones_at("w ao pau t er n aw")
    utterance, places = utterance_of_times(phones, [word("water", 0, 4), word("now", 5, 6)])
    assert shape(utterance) == [[("water", "w ao . t er"), ("now", "n aw")]]
    assert places == [0, 1, None, 2, 3, 4, 5]


def test_a_closure_goes_with_its_release() -> None:
    utterance, _ = utterance_of_times(phones_at("s tcl t ae n dcl b ay"), [word("standby", 0, 7)])
    assert shape(utterance) == [[("standby", "s tcl t ae n . dcl b ay")]]


def test_a_glottal_stop_between_words_begins_the_next_one() -> None:
    """As TIMIT has "water all": wrd ends before the q, and begins after it."""
    phones = phones_at("w ao dx axr q ao l q pau q ih z")
    words = [word("water", 0, 3), word("all", 5, 6), word("is", 10, 11)]
    utterance, _ = utterance_of_times(phones, words)
    assert shape(utterance) == [[("water", "w ao . dx axr"), ("all", "q ao l"), ("", "q")], [("is", "q ih z")]]


def test_without_words_each_run_between_pauses_is_one() -> None:
    utterance, places = utterance_of_times(phones_at("_ r eh d sp n aw _"), [])
    assert shape(utterance) == [[("", "r eh d")], [("", "n aw")]]
    assert places == [None, 0, 1, 2, None, 3, 4, None]


def test_empty_words_and_words_of_silence_are_passed_over() -> None:
    words = [TimedWord("", 0.0, 0.1), word("red", 1, 3), TimedWord("sil", 0.4, 0.5), TimedWord("ghost", 0.5, 0.5)]
    utterance, _ = utterance_of_times(phones_at("_ r eh d brth"), words)
    assert shape(utterance) == [[("red", "r eh d"), ("", "brth")]]


def test_a_noise_does_not_make_arpabet_ipa() -> None:
    utterance, _ = utterance_of_times(phones_at("brth R EH1 D"), [word("red", 1, 3)])
    assert shape(utterance) == [[("", "brth"), ("red", "R EH D")]]


def test_ipa_s_y_is_a_vowel_and_arpabet_s_is_none() -> None:
    french, _ = utterance_of_times(phones_at("l y n ɛ t"), [word("lunettes", 0, 4)])
    english, _ = utterance_of_times(phones_at("y uw n ih t"), [word("unit", 0, 4)])
    assert shape(french) == [[("lunettes", "l y . n ɛ t")]]
    assert shape(english) == [[("unit", "y uw . n ih t")]]
    mixed, _ = utterance_of_times(phones_at("ow y ð"), [word("both alphabets' ow", 0, 2)])
    assert shape(mixed) == [[("both alphabets' ow", "ow . y ð")]]


def test_timit_s_phones_and_words_fit(shared_data: Path) -> None:
    files = sorted((shared_data / "timit-sample").rglob("*.phn"))
    assert len(files) == 40
    for file in files:
        rows = [line.split() for line in file.read_text().splitlines()]
        phones = [TimedPhone(name, int(start) / 16000, int(end) / 16000) for start, end, name in rows]
        lines = [line.split() for line in file.with_suffix(".wrd").read_text().splitlines()]
        words = [TimedWord(name, int(start) / 16000, int(end) / 16000) for start, end, name in lines]
        utterance, places = utterance_of_times(phones, words)
        assert [w.text for w in utterance.words] == [w.word for w in words]
        spoken = [one.phone for one in phones if one.phone not in SILENCE_LABELS]
        assert [phone.symbol for phone in utterance.phones] == spoken
        assert sum(place is not None for place in places) == len(spoken)


LABELS = st.sampled_from(["AH0", "S", "T", "sp", "", "brth", "IY1", "pau"])
SPANS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.lists(LABELS, max_size=20), SPANS)
def test_places_count_what_is_said_whatever_the_words(labels: list[str], spans: list[tuple[float, float]]) -> None:
    phones = [TimedPhone(label, n * 0.1, (n + 1) * 0.1) for n, label in enumerate(labels)]
    words = [TimedWord("w", start, start + length) for start, length in sorted(spans)]
    utterance, places = utterance_of_times(phones, words)
    assert [place for place in places if place is not None] == list(range(len(utterance.phones)))
    assert [place is None for place in places] == [label in SILENCE_LABELS for label in labels]
    assert all(w.syllables for w in utterance.words)
    assert all(utterance.phrases)


@pytest.mark.parametrize("labels", ["", "_ sil pau"])
def test_nothing_said_is_no_phrase(labels: str) -> None:
    utterance, places = utterance_of_times(phones_at(labels), [])
    assert utterance == Utterance(())
    assert not any(place is not None for place in places)
