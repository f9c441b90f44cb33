import numpy as np
import pytest

from pipeline.items import TimedPhone, TimedWord
from pipeline.speech.alignment.align import Alignment, Span
from pipeline.speech.alignment.compare import NO_ONSETS, Onsets, figures, phone_onsets, spoken_phones, word_onsets
from pipeline.speech.utterance import Phone, Utterance, Word


def labels(*phones: str) -> list[TimedPhone]:
    """Phones of a tenth of a second each."""
    return [TimedPhone(phone, number / 10, (number + 1) / 10) for number, phone in enumerate(phones)]


def names(*phones: str) -> list[tuple[str, float, float]]:
    """What of TIMIT's labels is compared, in tenths of seconds."""
    return [(it.phone, round(10 * it.start_s), round(10 * it.end_s)) for it in spoken_phones(labels(*phones))]


def test_a_closure_and_its_burst_are_one_phone() -> None:
    assert names("h#", "tcl", "t", "aa", "kcl", "k", "h#") == [("t", 1, 3), ("aa", 3, 4), ("k", 4, 6)]


def test_a_closure_before_an_affricate_is_the_affricate_s() -> None:
    assert names("dcl", "jh", "tcl", "ch") == [("jh", 0, 2), ("ch", 2, 4)]


def test_a_closure_without_a_burst_is_a_phone_of_its_own() -> None:
    assert names("dcl", "b", "aa", "kcl", "h#") == [("d", 0, 1), ("b", 1, 2), ("aa", 2, 3), ("k", 3, 4)]


def test_a_burst_after_a_pause_belongs_to_no_closure_before_it() -> None:
    assert names("tcl", "pau", "t") == [("t", 0, 1), ("t", 2, 3)]


def test_a_burst_of_its_own_is_no_second_release() -> None:
    assert names("tcl", "t", "t") == [("t", 0, 2), ("t", 2, 3)]


def test_what_no_text_has_is_left_out() -> None:
    assert names("q", "aa", "epi", "s", "sp", "<eps>", "") == [("aa", 1, 2), ("s", 3, 4)]


WORDS = Utterance(
    (
        (
            Word("The", ((Phone("ð"), Phone("ə")),)),
            Word("--", ()),
            Word("cat's", ((Phone("k"), Phone("æ"), Phone("t")),)),
        ),
        (Word("in", ((Phone("ɪ"), Phone("n")),)),),
    )
)


def alignment(*starts: float) -> Alignment:
    """Seven phones from these times on, a silence before them."""
    ends = (*starts[1:], starts[-1] + 0.1)
    phones = tuple(Span(place, a, b) for place, (a, b) in enumerate(zip(starts, ends, strict=True)))
    return Alignment((Span(None, 0.0, starts[0]), *phones), -1.0, 0.0, 100)


def test_errors_are_how_late_the_aligner_is() -> None:
    labelled = labels("sil", "DH", "AH0", "K", "AE1", "T", "IH0", "N")
    found = phone_onsets(labelled, WORDS, alignment(0.11, 0.2, 0.29, 0.4, 0.5, 0.6, 0.7))
    assert found.num_labelled == 7
    np.testing.assert_allclose(found.errors_s, [0.01, 0, -0.01, 0, 0, 0, 0], atol=1e-12)


def test_phones_that_only_one_side_has_are_not_compared() -> None:
    found = phone_onsets(labels("DH", "AH0", "K", "AE1", "IH0", "S", "N"), WORDS, alignment(*np.arange(7) / 10))
    assert found.num_labelled == 7
    assert len(found.errors_s) == 6


def test_words_are_matched_by_their_letters() -> None:
    labelled = [
        TimedWord("the", 0.0, 0.2),
        TimedWord("CAT'S", 0.3, 0.5),
        TimedWord("", 0.5, 0.6),
        TimedWord("on", 0.6, 0.7),
    ]
    found = word_onsets(labelled, WORDS, alignment(*np.arange(7) / 10))
    assert found.num_labelled == 3
    np.testing.assert_allclose(found.errors_s, [0, -0.1], atol=1e-12)


def test_figures_are_of_what_matches() -> None:
    found = figures(Onsets(np.array([0.005, -0.015, 0.02, 0.06]), 5))
    assert found.num_matched == 4
    assert found.unmatched_share == pytest.approx(0.2)
    assert found.shares_within == {10: 0.25, 20: 0.5, 25: 0.75, 50: 0.75}
    assert found.mean_ms == pytest.approx(25)
    assert found.median_ms == pytest.approx(17.5)
    assert found.bias_ms == pytest.approx(12.5)


def test_figures_of_nothing_are_no_numbers() -> None:
    assert np.isnan(figures(NO_ONSETS).mean_ms)
    assert figures(NO_ONSETS).unmatched_share == 0
    assert figures(Onsets(np.zeros(0), 3)).unmatched_share == 1


def test_onsets_add_up() -> None:
    total = NO_ONSETS + Onsets(np.array([0.1]), 2) + Onsets(np.array([0.2]), 3)
    assert total.errors_s.tolist() == [0.1, 0.2]
    assert total.num_labelled == 5
