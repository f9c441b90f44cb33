import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ItemError
from pipeline.speech import espeak
from pipeline.speech.normalise import normalise
from pipeline.speech.phone_tokens import phone_token
from pipeline.speech.pronounce import pronounce, spoken_word
from pipeline.speech.utterance import Utterance

WORDS = ["a", "the", "to", "in", "of", "water", "record", "extraordinary", "Smith's", "U.S", "rock'n'roll", "hm"]


def said(word: str, language: str = "en-us") -> list[str]:
    """The syllables of a word, each with its stress."""
    return [
        "".join(phone.symbol for phone in one) + str(one[0].stress) for one in spoken_word(word, language, "espeak")
    ]


def texts(utterance: Utterance) -> list[list[str]]:
    return [[word.text for word in phrase] for phrase in utterance.phrases]


def test_phrases_end_at_punctuation_and_words_at_spaces() -> None:
    assert texts(pronounce("In the water, now: a car! Is it red? “Yes”; no — or...")) == [
        ["In", "the", "water"],
        ["now"],
        ["a", "car"],
        ["Is", "it", "red"],
        ["Yes"],
        ["no"],
        ["or"],
    ]


def test_marks_within_words_end_no_phrase() -> None:
    assert texts(pronounce("the U.S. at 10:30 a.m. it's 3.5")) == [
        ["the", "U.S", "at", "ten", "thirty", "a.m", "it's", "three", "point", "five"]
    ]


def test_words_that_espeak_says_as_one_are_told_apart() -> None:
    assert espeak.phone_groups("in the", "en-us") == [["ɪ", "n", "ð", "ə"]]
    words = pronounce("in the").words
    assert [[phone.symbol for phone in word.phones] for word in words] == [["ɪ", "n"], ["ð", "ə"]]


def test_groups_are_words_and_not_phones() -> None:
    """Python counts the separator between phones as white space."""
    assert espeak.phone_groups("red water", "en-us") == [["ɹ", "ˈɛ", "d"], ["w", "ˈɔː", "ɾ", "ɚ"]]


@pytest.mark.parametrize(
    ("language", "word", "within"),
    [("en-us", "a", "ɐ0"), ("en-us", "to", "tə0"), ("en-us", "in", "ɪn0"), ("ru", "в", "v0"), ("nl", "het", "hət0")],
)
def test_a_function_word_is_said_as_within_a_sentence(language: str, word: str, within: str) -> None:
    assert said(word, language) == [within]


@pytest.mark.parametrize(
    ("language", "word", "last"),
    [
        ("pl", "kot", "t"),
        ("pl", "w", "w"),
        ("cs", "rok", "k"),
        ("sk", "brat", "t"),
        ("sl", "brat", "t"),
        ("ca", "musik", "k"),
        ("pt-pt", "os", "ʃ"),
        ("nl", "met", "t"),
        ("hr", "grad", "d"),
        ("ru", "шкаф", "f"),
    ],
)
def test_a_word_s_last_sound_is_not_its_carrier_s_making(language: str, word: str, last: str) -> None:
    assert spoken_word(word, language, "espeak")[-1][-1].symbol == last


@pytest.mark.parametrize("language", ["en-us", "cmn", "ru"])
@pytest.mark.parametrize("word", ["2", "42", "1", "5%", "$", "€", "3,14", "10:30"])
def test_a_number_or_sign_is_not_read_together_with_its_carrier(word: str, language: str) -> None:
    alone = [phone_token(name) for group in espeak.phone_groups(word, language) for name in group]
    symbols = [phone.symbol for syllable in spoken_word(word, language, "espeak") for phone in syllable]
    assert symbols == [token for token in alone if token]


def test_a_voice_is_loaded_once_for_many_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading it takes as long as the phones of twenty words; after speech it must be loaded again."""
    espeak.speak("ja", espeak.Voice("de", "f2"))
    loaded: list[espeak.Voice] = []
    load = espeak.use_voice

    def counted(library: object, voice: espeak.Voice) -> None:
        loaded.append(voice)
        load(library, voice)

    monkeypatch.setattr(espeak, "use_voice", counted)
    for word in ("red", "blue"):
        espeak.phone_groups(word, "en-us")
    espeak.phone_groups("rot", "de")
    assert loaded == [espeak.Voice("en-us"), espeak.Voice("de")]


def test_a_carrier_that_melts_into_the_word_is_not_used() -> None:
    """Korean: the number's one phone is joined to the last of the word."""
    assert said("나는", "ko") == ["nɐ1", "nɯn0"]


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("extraordinary", ["ɛk0", "stɹɔːɹ1", "dɪ0", "nɛ2", "ɹi0"]),
        ("astronaut", ["æ1", "stɹə0", "nɔːt2"]),
        ("singing", ["sɪŋ1", "ɪŋ0"]),
    ],
)
def test_stress_belongs_to_the_syllable(word: str, syllables: list[str]) -> None:
    assert said(word) == syllables
    assert len({phone.stress for phone in spoken_word(word, "en-us", "espeak")[0]}) == 1


def test_what_cannot_be_said_is_left_out() -> None:
    assert texts(pronounce("red ' blue")) == [["red", "blue"]]
    assert texts(pronounce("red, \u200d, blue")) == [["red"], ["blue"]]


@pytest.mark.parametrize("text", ["", "...", "'", "\n\0", "—"])
def test_a_text_without_phones_is_an_item_error(text: str) -> None:
    with pytest.raises(ItemError, match="nothing in the text") as caught:
        pronounce(text)
    assert caught.value.stage == "phones"


def test_an_unknown_language_is_an_item_error_that_offers_near_ones() -> None:
    with pytest.raises(ItemError, match=r"no language 'en-uk'.*en-us") as caught:
        pronounce("hello", "en-uk")
    assert caught.value.stage == "phones"


def test_what_was_said_before_changes_nothing() -> None:
    """Forwards here, backwards and in another voice first in a fresh process."""
    here = {word: said(word) for word in WORDS}
    script = (
        "import json, sys; sys.path.insert(0, '.');"
        "from pipeline.speech.espeak import Voice, speak; from pipeline.speech.pronounce import spoken_word;"
        "speak('bonjour', Voice('fr-fr', 'f2'));"
        "say = lambda word: [''.join(p.symbol for p in s) + str(s[0].stress)"
        " for s in spoken_word(word, 'en-us', 'espeak')];"
        "print(json.dumps({word: say(word) for word in reversed(sys.argv[1:])}))"
    )
    told = subprocess.run([sys.executable, "-c", script, *WORDS], capture_output=True, check=True, text=True)
    assert json.loads(told.stdout) == here


def test_a_synthetic_voice_in_between_changes_nothing() -> None:
    before = said("entirely")
    spoken_word.cache_clear()
    espeak.speak("ja, ja", espeak.Voice("de", "f2"))
    assert said("entirely") == before


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_a_text_and_its_normalised_form_are_said_alike(text: str) -> None:
    try:
        utterance = pronounce(text)
    except ItemError:
        return
    assert pronounce(normalise(text, "en-us")) == utterance


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.sampled_from(["en-us", "de", "ru", "cmn"]))
def test_every_part_has_parts(text: str, language: str) -> None:
    try:
        utterance = pronounce(text, language)
    except ItemError:
        return
    assert all(utterance.phrases)
    assert all(word.text and word.syllables and all(word.syllables) for word in utterance.words)
    assert len(list(utterance.word_of_phone())) == len(utterance.phones)
    assert all(phone.symbol and not set(phone.symbol) & set("ˈˌ͡() _|") for phone in utterance.phones)
