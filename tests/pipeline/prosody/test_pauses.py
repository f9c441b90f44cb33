import pytest

from pipeline.prosody.pauses import END, PHRASE, START, WORD, Pauses, PauseTally, with_pauses
from pipeline.speech.linguistic import linguistic_columns
from tests.pipeline.generation.tiny_models import ABBA

ROW = {"phone": ["sil", "a", "b", "sil", "b", "sil", "a"], **linguistic_columns(ABBA, [None, 0, 1, None, 2, None, 3])}
SECONDS = [0.5, 0.1, 0.1, 0.02, 0.1, 0.2, 0.1]


def test_pauses_are_counted_by_what_they_part() -> None:
    tally = PauseTally()
    tally.add(ROW, SECONDS)
    closed = {"phone": ["a", "b", "b", "a"], **linguistic_columns(ABBA, [0, 1, 2, 3])}
    tally.add(closed, [0.1] * 4)
    found = tally.pauses()
    assert found.shares == {START: 0.5, END: 0, PHRASE: 0.5, WORD: 0.5}
    assert found.seconds == pytest.approx({START: 0.5, PHRASE: 0.2, WORD: 0.02})


def test_where_a_row_names_no_words_only_its_ends_count() -> None:
    tally = PauseTally()
    tally.add({"phone": ROW["phone"], "word_index": None}, SECONDS)
    tally.add({"phone": ["sil"]}, [1.0])
    assert tally.pauses().shares == {START: 1, END: 0}


def test_a_text_pauses_where_most_rows_did() -> None:
    pauses = Pauses({START: 0.5, END: 0.49, PHRASE: 0.9, WORD: 0.1}, {START: 0.3, END: 0.4, PHRASE: 0.2, WORD: 0.1})
    assert with_pauses(ABBA, pauses) == ([None, 0, 1, 2, None, 3], [0.3, 0, 0, 0, 0.2, 0])
    everywhere = Pauses(dict.fromkeys(pauses.shares, 1.0), pauses.seconds)
    assert with_pauses(ABBA, everywhere) == ([None, 0, 1, None, 2, None, 3, None], [0.3, 0, 0, 0.1, 0, 0.2, 0, 0.4])
    assert with_pauses(ABBA, Pauses({}, {}))[0] == [0, 1, 2, 3]
