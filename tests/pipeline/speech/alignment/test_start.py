from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.items import TimedPhone
from pipeline.speech.alignment.features import HOP_S, NUM_FEATURES
from pipeline.speech.alignment.graph import NO_PHONE, STATES, graph_of
from pipeline.speech.alignment.start import ends_after_voice, even_ends, loud_span, rounded, states_of
from pipeline.speech.spans import SILENCE
from tests.alignment_builders import utterance


def timed(*phones: tuple[str, int]) -> tuple[TimedPhone, ...]:
    """Phones that last so many frames, one after the other."""
    found, start = [], 0
    for name, length in phones:
        found.append(TimedPhone(name, start * HOP_S, (start + length) * HOP_S))
        start += length
    return tuple(found)


def sounds(lengths: list[int], seed: int = 0) -> np.ndarray:
    """Features that are the same throughout each stretch, of one mean a stretch."""
    means = np.random.default_rng(seed).standard_normal((len(lengths), NUM_FEATURES)) * 5
    return np.repeat(means, lengths, axis=0).astype(np.float32)


def test_times_of_a_voice_are_carried_over() -> None:
    """The recording says the same more slowly, with a longer silence at both ends."""
    graph = graph_of(utterance("k æ t"))
    voice = timed((SILENCE, 2), ("k", 5), ("æ", 8), ("t", 6), (SILENCE, 3))
    ends = ends_after_voice(graph, sounds([12, 8, 20, 10, 15]), sounds([2, 5, 8, 6, 3]), voice)
    assert ends.tolist() == [12, 20, 40, 50, 65]


def test_a_pause_of_the_voice_is_a_silence_between_words() -> None:
    graph = graph_of(utterance("k æ", "t iː"))
    voice = timed(("k", 5), ("æ", 8), (SILENCE, 6), ("t", 6), ("iː", 7))
    ends = ends_after_voice(graph, sounds([5, 9, 20, 10, 15]), sounds([5, 8, 6, 6, 7]), voice)
    assert dict(zip(graph.units, ends.tolist(), strict=False)) | {"sil": ends[3]} == {
        "k": 5, "æ": 14, "sil": 34, "t": 44, "iː": 59,
    }  # fmt: skip


def test_sounds_that_the_voice_does_not_say_lie_between_their_neighbours() -> None:
    graph = graph_of(utterance("k æ t s"))
    voice = timed(("k", 5), ("s", 5))
    ends = ends_after_voice(graph, sounds([6, 6]), sounds([5, 5]), voice)
    assert ends.tolist()[0] == 0
    assert ends.tolist()[-1] == 12
    assert all(a <= b for a, b in pairwise(ends.tolist()))


def test_a_token_of_several_sounds_gives_each_its_share() -> None:
    graph = graph_of(utterance("ɔːɹ"))
    ends = ends_after_voice(graph, sounds([4, 10]), sounds([4, 10]), timed((SILENCE, 4), ("ɔːɹ", 10)))
    assert ends.tolist() == [4, 9, 14, 14]


def test_an_even_start_spreads_sounds_over_what_is_loud() -> None:
    graph = graph_of(utterance("k æ|t iː"))
    features = np.zeros((60, NUM_FEATURES), np.float32)
    features[10:50, 0] = 100
    assert loud_span(features) == (10, 50)
    assert even_ends(graph, features).tolist() == [10, 20, 30, 30, 40, 50, 60]


@given(
    st.lists(st.one_of(st.just(float("nan")), st.floats(0, 50)), min_size=1, max_size=12),
    st.integers(50, 60),
)
def test_every_frame_is_in_one_state_and_states_rise(ends: list[float], num_frames: int) -> None:
    found = rounded(np.array(ends), num_frames)
    states = states_of(found)
    assert len(states) == num_frames
    assert (np.diff(states) >= 0).all()
    assert states.min() >= 0
    assert states.max() < STATES * len(ends)


def test_the_states_of_a_slot_share_its_frames() -> None:
    assert states_of(np.array([3, 3, 8])).tolist() == [0, 1, 2, 6, 6, 7, 7, 8]


def test_silence_has_no_place() -> None:
    assert graph_of(utterance("k")).places[0] == NO_PHONE
