from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shards.schema import AUDIO_SCHEMA, POSITIONS
from pipeline.speech.linguistic import linguistic_columns
from pipeline.speech.pronounce import pronounce
from pipeline.speech.utterance import Phone, Utterance, Word
from tests.utterance_builders import utterances

FAMILIES = sorted({name.removesuffix("_forward") for name in POSITIONS if name.endswith("_forward")})
TOTALS = {
    "phone_in_syllable": "phones_in_syllable",
    "syllable_in_word": "syllables_in_word",
    "syllable_in_phrase": "syllables_in_phrase",
    "word_in_phrase": "words_in_phrase",
    "phrase_in_utterance": "phrases_in_utterance",
}


def columns_of(utterance: Utterance) -> dict[str, list[Any]]:
    return linguistic_columns(utterance, range(len(utterance.phones)))


def test_a_sentence_by_hand() -> None:
    """Red water: now. A pause before "now"."""
    utterance = pronounce("red water, now")
    columns = linguistic_columns(utterance, [0, 1, 2, 3, 4, 5, 6, None, 7, 8])
    assert columns == {
        "word": ["red", "water", "now"],
        "stress": [1, 1, 1, 1, 1, 0, 0, 0, 1, 1],
        "word_index": [1, 1, 1, 2, 2, 2, 2, 0, 3, 3],
        "phrase_index": [1, 1, 1, 1, 1, 1, 1, 0, 2, 2],
        "phone_in_syllable_forward": [1, 2, 3, 1, 2, 1, 2, 0, 1, 2],
        "phone_in_syllable_backward": [3, 2, 1, 2, 1, 2, 1, 0, 2, 1],
        "phones_in_syllable": [3, 3, 3, 2, 2, 2, 2, 0, 2, 2],
        "syllable_in_word_forward": [1, 1, 1, 1, 1, 2, 2, 0, 1, 1],
        "syllable_in_word_backward": [1, 1, 1, 2, 2, 1, 1, 0, 1, 1],
        "syllables_in_word": [1, 1, 1, 2, 2, 2, 2, 0, 1, 1],
        "syllable_in_phrase_forward": [1, 1, 1, 2, 2, 3, 3, 0, 1, 1],
        "syllable_in_phrase_backward": [3, 3, 3, 2, 2, 1, 1, 0, 1, 1],
        "syllables_in_phrase": [3, 3, 3, 3, 3, 3, 3, 0, 1, 1],
        "word_in_phrase_forward": [1, 1, 1, 2, 2, 2, 2, 0, 1, 1],
        "word_in_phrase_backward": [2, 2, 2, 1, 1, 1, 1, 0, 1, 1],
        "words_in_phrase": [2, 2, 2, 2, 2, 2, 2, 0, 1, 1],
        "phrase_in_utterance_forward": [1, 1, 1, 1, 1, 1, 1, 0, 2, 2],
        "phrase_in_utterance_backward": [2, 2, 2, 2, 2, 2, 2, 0, 1, 1],
        "phrases_in_utterance": [2, 2, 2, 2, 2, 2, 2, 0, 2, 2],
    }


def test_the_columns_are_those_of_the_schema() -> None:
    columns = columns_of(pronounce("red water, now"))
    assert set(columns) == {"stress", "word", "word_index", "phrase_index", *POSITIONS}
    schema = pa.schema([AUDIO_SCHEMA.field(name) for name in columns])
    pa.Table.from_pylist([columns], schema=schema).validate(full=True)


@settings(max_examples=100, deadline=None)
@given(utterances())
def test_forward_and_backward_meet(utterance: Utterance) -> None:
    columns = columns_of(utterance)
    for family in FAMILIES:
        for forward, backward, total in zip(
            columns[f"{family}_forward"], columns[f"{family}_backward"], columns[TOTALS[family]], strict=True
        ):
            assert forward + backward == total + 1
            assert 1 <= forward <= total


@settings(max_examples=100, deadline=None)
@given(utterances())
def test_totals_are_what_is_there(utterance: Utterance) -> None:
    columns = columns_of(utterance)
    assert set(columns["phrases_in_utterance"]) == {len(utterance.phrases)}
    assert sorted(set(columns["word_index"])) == list(range(1, len(utterance.words) + 1))
    assert sorted(set(columns["phrase_index"])) == list(range(1, len(utterance.phrases) + 1))
    assert columns["word_index"] == [number + 1 for number in utterance.word_of_phone()]
    for place, (word, phrase) in enumerate(zip(columns["word_index"], columns["phrase_index"], strict=True)):
        assert columns["syllables_in_word"][place] == len(utterance.words[word - 1].syllables)
        assert columns["words_in_phrase"][place] == len(utterance.phrases[phrase - 1])
        assert utterance.words[word - 1] in utterance.phrases[phrase - 1]


@settings(max_examples=100, deadline=None)
@given(utterances())
def test_every_phone_begins_exactly_one_place(utterance: Utterance) -> None:
    columns = columns_of(utterance)
    num_syllables = sum(len(word.syllables) for word in utterance.words)
    assert columns["phone_in_syllable_forward"].count(1) == num_syllables
    assert columns["phone_in_syllable_backward"].count(1) == num_syllables
    heads = zip(columns["phone_in_syllable_forward"], columns["syllable_in_word_forward"], strict=True)
    assert sum(head == (1, 1) for head in heads) == len(utterance.words)


@settings(max_examples=50, deadline=None)
@given(utterances(), st.data())
def test_pauses_are_zeros_and_change_nothing_else(utterance: Utterance, data: st.DataObject) -> None:
    places: list[int | None] = list(range(len(utterance.phones)))
    for _ in range(3):
        places.insert(data.draw(st.integers(0, len(places))), None)
    paused, plain = linguistic_columns(utterance, places), columns_of(utterance)
    for name, values in paused.items():
        if name != "word":
            assert [value for value, place in zip(values, places, strict=True) if place is not None] == plain[name]
            assert all(value == 0 for value, place in zip(values, places, strict=True) if place is None)


@pytest.mark.parametrize(("num_words", "last"), [(254, 254), (255, 255), (300, 255)])
def test_a_position_is_a_byte(num_words: int, last: int) -> None:
    word = Word("a", ((Phone("a"),),))
    columns = columns_of(Utterance(((word,) * num_words,)))
    assert columns["word_in_phrase_forward"][-1] == columns["words_in_phrase"][0] == last
    assert columns["word_in_phrase_backward"][-1] == 1
    assert columns["word_index"][-1] == num_words
    pa.array(columns["words_in_phrase"], pa.uint8())
