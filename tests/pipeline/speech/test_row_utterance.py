from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ItemError
from pipeline.speech.linguistic import linguistic_columns
from pipeline.speech.pronounce import pronounce
from pipeline.speech.row_utterance import COLUMNS, PER_PHONE, utterance_of_row
from pipeline.speech.spans import SILENCE
from pipeline.speech.utterance import Phone, Utterance, Word
from tests.utterance_builders import utterances

A = (Phone("a"),)


def row_of(utterance: Utterance, places: list[int | None] | None = None) -> dict[str, Any]:
    """The columns of a row; without places, of all phones and no pauses."""
    places = list(range(len(utterance.phones))) if places is None else places
    symbols = [SILENCE if place is None else utterance.phones[place].symbol for place in places]
    return {"phone": symbols, **linguistic_columns(utterance, places)}


@settings(max_examples=200, deadline=None)
@given(utterances(), st.data())
def test_a_row_gives_its_utterance_back(utterance: Utterance, data: st.DataObject) -> None:
    """With pauses anywhere, within words too."""
    places: list[int | None] = list(range(len(utterance.phones)))
    for _ in range(data.draw(st.integers(0, 3))):
        places.insert(data.draw(st.integers(0, len(places))), None)
    row = row_of(utterance, places)
    assert utterance_of_row(row) == (utterance, places)
    assert {"phone": row["phone"], **linguistic_columns(*utterance_of_row(row))} == row


def test_no_more_is_read_than_is_asked_for() -> None:
    utterance = pronounce("red water, now")
    row = {name: values for name, values in row_of(utterance).items() if name in COLUMNS}
    assert utterance_of_row(row)[0] == utterance


@pytest.mark.parametrize(
    "word",
    [
        Word("many syllables", (A,) * 600),
        Word("a long one", (A * 600,)),
        Word("long ones", (A * 300, A, A * 2, A * 300)),
        Word("many, and long ones after them", ((A,) * 254 + (A * 2, A * 300, A * 255, A, A * 300))),
    ],
)
def test_what_a_byte_does_not_count_is_counted_anew(word: Word) -> None:
    utterance = Utterance(((word, Word("b", (A,))), (word,) * 2))
    assert utterance_of_row(row_of(utterance))[0] == utterance


def test_more_words_and_phrases_than_a_byte_counts() -> None:
    word = Word("a", (A,))
    for utterance in (Utterance(((word,) * 300,)), Utterance(((word,),) * 300)):
        assert utterance_of_row(row_of(utterance))[0] == utterance


def test_a_phone_that_is_not_heard_is_no_part_of_it() -> None:
    """The first of "red", all of "water", the last of "now"."""
    utterance = pronounce("red water now")
    heard, places = utterance_of_row(row_of(utterance, [1, 2, None, 7]))
    assert [word.text for word in heard.words] == ["red", "now"]
    assert heard.phones == (utterance.phones[1], utterance.phones[2], utterance.phones[7])
    assert [len(word.syllables) for word in heard.words] == [1, 1]
    assert places == [0, 1, None, 2]


def test_a_syllable_whose_first_phone_is_not_heard_is_one_still() -> None:
    water = pronounce("water").words[0]
    assert [len(syllable) for syllable in water.syllables] == [2, 2]
    (heard,) = utterance_of_row(row_of(Utterance(((water,),)), [0, 1, 3]))[0].words
    assert heard.syllables == (water.syllables[0], water.syllables[1][1:])


def test_a_row_of_pauses_says_nothing() -> None:
    assert utterance_of_row(row_of(Utterance(()), [None])) == (Utterance(()), [None])


@pytest.mark.parametrize("name", PER_PHONE)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_row_without_a_column_is_an_item_error(name: str, is_there: bool) -> None:
    row = row_of(pronounce("red"))
    del row[name]
    with pytest.raises(ItemError, match=f"the row has no {name}: it is not known how its phones make words") as caught:
        utterance_of_row(row | ({name: None} if is_there else {}))
    assert caught.value.stage == "phones"


def test_a_corpus_that_names_no_words_is_told_so() -> None:
    row = row_of(pronounce("red")) | dict.fromkeys(("stress", "word", *PER_PHONE[1:]))
    with pytest.raises(ItemError, match="no word_index"):
        utterance_of_row(row)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"word_index": [1, 1]}, "3 phones and 2 values of word_index"),
        ({"word": []}, "0 words, and phones of word 1"),
        ({"word": None}, "0 words, and phones of word 1"),
        ({"word_index": [1, 1, 2]}, "1 words, and phones of word 2"),
        ({"word_index": [-1, 1, 1]}, "1 words, and phones of word -1"),
    ],
)
def test_columns_that_do_not_fit_each_other_are_an_item_error(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ItemError, match=reason):
        utterance_of_row(row_of(pronounce("red")) | change)
