import numpy as np

from pipeline.speech.alignment.graph import NO_PHONE, STATES, graph_of
from pipeline.speech.utterance import Utterance, Word
from tests.alignment_builders import utterance


def test_silence_stands_at_both_ends_and_between_words_of_all_phrases() -> None:
    graph = graph_of(utterance("h ə|w ɪ", "t uː"))
    assert graph.units == ("sil", "h", "ə", "sil", "w", "ɪ", "sil", "t", "uː", "sil")
    assert graph.places == (NO_PHONE, 0, 1, NO_PHONE, 2, 3, NO_PHONE, 4, 5, NO_PHONE)
    assert graph.num_states == STATES * 10
    assert graph.fewest_frames == STATES * 6


def test_a_token_of_two_sounds_is_two_units_at_one_place() -> None:
    graph = graph_of(utterance("k ɑːɹ|z"))
    assert graph.units == ("sil", "k", "ɑː", "ɹ", "sil", "z", "sil")
    assert graph.places == (NO_PHONE, 0, 1, 1, NO_PHONE, 2, NO_PHONE)


def test_the_first_state_of_each_word_may_be_entered_past_the_silence() -> None:
    graph = graph_of(utterance("h ə|w"))
    np.testing.assert_array_equal(np.flatnonzero(graph.follows_silence()), [STATES * 1, STATES * 4])


def test_a_word_without_phones_leaves_no_second_silence() -> None:
    spoken = utterance("h|w")
    first, second = spoken.words
    graph = graph_of(Utterance(((first, Word("'", ()), second),)))
    assert graph.units == ("sil", "h", "sil", "w", "sil")
    assert graph.places == (NO_PHONE, 0, NO_PHONE, 1, NO_PHONE)
