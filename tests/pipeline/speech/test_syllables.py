import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.speech.syllables import syllable_ends, syllables_of
from pipeline.speech.utterance import Phone


def cut(sounds: str, language: str = "en-us") -> str:
    phones = sounds.split()
    ends = syllable_ends(phones, language)
    return " . ".join(" ".join(phones[start:end]) for start, end in zip([0, *ends], ends, strict=False))


@pytest.mark.parametrize(
    ("sounds", "syllables"),
    [
        ("ɛ k s t ɹ ə", "ɛ k . s t ɹ ə"),  # the longest beginning that English has: str, not kstr
        ("æ t l ə s", "æ t . l ə s"),  # no word begins with tl
        ("s ɪ ŋ ɪ ŋ", "s ɪ ŋ . ɪ ŋ"),
        ("b ʌ ʔ n̩", "b ʌ . ʔ n̩"),  # a syllabic consonant is a nucleus
        ("n oʊ ɪ ŋ", "n oʊ . ɪ ŋ"),
        ("p s t", "p s t"),  # nothing to make a syllable of
        ("k ɑː n s t ə b əl", "k ɑː n . s t ə . b əl"),
    ],
)
def test_english_onsets_are_as_long_as_words_allow(sounds: str, syllables: str) -> None:
    assert cut(sounds) == syllables


@pytest.mark.parametrize(
    ("language", "sounds", "syllables"),
    [
        ("es", "e s t e", "e s . t e"),
        ("fr-fr", "p a t ʁ i", "p a . t ʁ i"),
        ("fr-fr", "b ɔ̃ ʒ u ʁ", "b ɔ̃ . ʒ u ʁ"),  # a nasal vowel, written apart
        ("fr-fr", "b o\u0303 ʒ u", "b o\u0303 . ʒ u"),
        ("es", "a p j o", "a . p j o"),
        ("de", "k a l t ə", "k a l . t ə"),
    ],
)
def test_other_languages_rise_in_sonority(language: str, sounds: str, syllables: str) -> None:
    assert cut(sounds, language) == syllables


def test_the_strongest_stress_of_a_syllable_is_that_of_its_phones() -> None:
    phones = [Phone("n", 0), Phone("aɪ", 2), Phone("t", 1), Phone("i", 0)]
    (first, second) = syllables_of(phones, "en")
    assert [phone.stress for phone in first] == [2, 2]
    assert [phone.stress for phone in second] == [1, 1]


SOUNDS = st.sampled_from(["a", "iː", "ŋ", "s", "t", "ɹ", "l", "j", "ɔːɹ", "n̩", "tʃ"])


@given(st.lists(SOUNDS, max_size=12), st.sampled_from(["en", "es"]))
def test_syllables_share_out_all_phones_and_have_one_nucleus_each(sounds: list[str], language: str) -> None:
    syllables = syllables_of([Phone(sound) for sound in sounds], language)
    assert [phone.symbol for syllable in syllables for phone in syllable] == sounds
    num_nuclei = sum(sound in ("a", "iː", "ɔːɹ", "n̩") for sound in sounds)
    assert len(syllables) == (max(num_nuclei, 1) if sounds else 0)
    assert all(syllables)
