import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ItemError
from pipeline.items import TimedPhone
from pipeline.preparation import phones as phones_module
from pipeline.preparation.phones import Spans, check_against_audio, uniform_spans

names = st.sampled_from(["a", "b", "sil", ""])


def corpus_spans(phones: list[TimedPhone], rate_hz: int, offset: int, num_timesteps: int) -> Spans:
    """With the places that the phones have when those named sil, or not at all, are pauses."""
    sounding = [number for number, phone in enumerate(phones) if phone.phone not in ("", "sil")]
    places = [sounding.index(number) if number in sounding else None for number in range(len(phones))]
    return phones_module.corpus_spans(phones, places, rate_hz, offset, num_timesteps)


def covers(spans: Spans, num_timesteps: int) -> bool:
    """Whether spans follow each other from 0 to the end, none of them empty."""
    joined = list(spans.start) == [0, *spans.end[:-1]] and spans.end[-1] == num_timesteps
    return joined and all(a < b for a, b in zip(spans.start, spans.end, strict=True))


def test_gaps_are_silence() -> None:
    spans = corpus_spans([TimedPhone("a", 0.1, 0.2), TimedPhone("b", 0.3, 0.4)], 100, 0, 50)
    assert spans == Spans(
        ("sil", "a", "sil", "b", "sil"), (0, 10, 20, 30, 40), (10, 20, 30, 40, 50), (None, 0, None, 1, None)
    )


def test_silences_of_the_corpus_join_the_gaps_beside_them() -> None:
    spans = corpus_spans(
        [TimedPhone("sil", 0.1, 0.2), TimedPhone("", 0.2, 0.25), TimedPhone("b", 0.3, 0.5)], 100, 0, 50
    )
    assert spans == Spans(("sil", "b"), (0, 30), (30, 50), (None, 0))


def test_like_phones_beside_each_other_stay_two() -> None:
    spans = corpus_spans([TimedPhone("a", 0, 0.2), TimedPhone("a", 0.2, 0.5)], 100, 0, 50)
    assert spans == Spans(("a", "a"), (0, 20), (20, 50), (0, 1))


def test_what_was_trimmed_from_the_start_moves_every_phone() -> None:
    phones = [TimedPhone("a", 0.05, 0.2), TimedPhone("b", 0.2, 0.4), TimedPhone("c", 0.4, 0.5)]
    assert corpus_spans(phones, 100, 10, 30) == Spans(("a", "b"), (0, 10), (10, 30), (0, 1))


def test_times_become_the_nearest_timestep() -> None:
    spans = corpus_spans([TimedPhone("a", 0.0, 0.12346), TimedPhone("b", 0.12346, 0.2)], 16_000, 0, 3200)
    assert spans.end[0] == round(0.12346 * 16_000) == 1975


def test_the_rate_of_the_source_does_not_matter() -> None:
    phones = [TimedPhone("a", 0.0, 0.1), TimedPhone("b", 0.1, 0.25)]
    at_8, at_16 = corpus_spans(phones, 8000, 0, 2000), corpus_spans(phones, 16_000, 0, 4000)
    assert [2 * end for end in at_8.end] == list(at_16.end)


@given(
    times=st.lists(st.floats(0, 2), min_size=1, max_size=12).map(sorted),
    labels=st.lists(names, min_size=12, max_size=12),
    offset=st.integers(0, 300),
    num_timesteps=st.integers(1, 400),
)
def test_spans_always_cover_the_utterance(
    times: list[float], labels: list[str], offset: int, num_timesteps: int
) -> None:
    phones = [TimedPhone(name, a, b) for name, a, b in zip(labels, times, times[1:], strict=False)]
    spans = corpus_spans(phones, 100, offset, num_timesteps)
    assert covers(spans, num_timesteps)
    assert all(pair != ("sil", "sil") for pair in zip(spans.phone, spans.phone[1:], strict=False))
    for phone in phones:  # a phone of some length lies where its times say
        middle = int((phone.start_s + phone.end_s) / 2 * 100) - offset
        if phone.phone in "ab" and phone.phone and phone.end_s - phone.start_s > 0.03 and 0 <= middle < num_timesteps:
            assert spans.phone[int(np.searchsorted(spans.end, middle, "right"))] == phone.phone


@given(phones=st.lists(st.sampled_from("abc"), min_size=1, max_size=50), num_timesteps=st.integers(1, 5000))
def test_uniform_spans_cover_the_utterance_evenly(phones: list[str], num_timesteps: int) -> None:
    if len(phones) > num_timesteps:
        with pytest.raises(ItemError, match="the text belongs to other audio"):
            uniform_spans(phones, num_timesteps)
        return
    spans = uniform_spans(phones, num_timesteps)
    assert list(spans.phone) == phones
    assert list(spans.place) == list(range(len(phones)))
    assert covers(spans, num_timesteps)
    lengths = np.subtract(spans.end, spans.start)
    assert lengths.max() - lengths.min() <= 1


@pytest.mark.parametrize(
    "phones",
    [
        [TimedPhone("a", 0.3, 0.2)],
        [TimedPhone("a", -0.5, 0.2)],
        [TimedPhone("a", 0.0, float("inf"))],
        [TimedPhone("a", float("nan"), 1.0)],
        [TimedPhone("a", 0.0, 0.5), TimedPhone("b", 0.2, 0.6)],
    ],
)
def test_times_that_cannot_be_are_the_item_s_failure(phones: list[TimedPhone]) -> None:
    with pytest.raises(ItemError) as caught:
        corpus_spans(phones, 100, 0, 100)
    assert caught.value.stage == "phones"


def test_a_little_overlap_is_rounding_and_the_earlier_phone_keeps_it() -> None:
    spans = corpus_spans([TimedPhone("a", 0.0, 0.25), TimedPhone("b", 0.2, 0.5)], 100, 0, 50)
    assert spans == Spans(("a", "b"), (0, 25), (25, 50), (0, 1))


def test_labels_that_outlast_the_audio_are_refused() -> None:
    phones = [TimedPhone("a", 0.0, 1.0)]
    check_against_audio(phones, 0.95)
    with pytest.raises(ItemError, match=r"end at 1\.000 s, the audio at 0\.800 s"):
        check_against_audio(phones, 0.8)


def test_a_pause_may_outlast_the_audio_and_ends_with_it() -> None:
    """A TextGrid's xmax is often not the audio's end, and its last interval is empty."""
    phones = [TimedPhone("a", 0.0, 0.5), TimedPhone("sil", 0.5, 2.5)]
    check_against_audio(phones, 0.8)
    assert corpus_spans(phones, 100, 0, 80) == Spans(("a", "sil"), (0, 50), (50, 80), (0, None))
