from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipeline.errors import ItemError
from pipeline.speech.alignment.acoustic_model import AcousticModel, blank_model
from pipeline.speech.alignment.align import align, crossings, fit_of, onsets_of, path_of, spans_of
from pipeline.speech.alignment.features import HOP, HOP_S, RATE_HZ
from pipeline.speech.alignment.graph import STATES, graph_of
from pipeline.speech.utterance import Utterance, Word
from tests.alignment_builders import NUM_FEATURES, drawn_utterance, state_means, utterance


def oracle(*texts: str) -> AcousticModel:
    """The model that `drawn_utterance` draws from."""
    graph = graph_of(utterance("|".join(texts)))
    blank = blank_model(graph.units, NUM_FEATURES)
    means = np.zeros(blank.means.shape)
    means[blank.rows(graph), 0] = state_means(graph)
    return replace(blank, means=means, floor=np.full(NUM_FEATURES, 0.01))


def noise(num_timesteps: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(num_timesteps) * 0.1).astype(np.float32)


def test_the_states_that_frames_were_drawn_from_are_found() -> None:
    spoken = utterance("k æ t|s iː", "t")
    model = oracle("k æ t", "s iː")
    for seed in range(5):
        drawn = drawn_utterance(spoken, seed)
        path = path_of(model, model.state_scores(drawn.features), drawn.graph)
        assert np.mean(path.states == drawn.start) > 0.98


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("num_timesteps", [20_000, 20_001, 20_159])
def test_spans_cover_the_recording_without_a_gap(rate_hz: int, num_timesteps: int) -> None:
    spoken = utterance("k æ t|s iː", "t")
    alignment = align(oracle("k æ t", "s iː"), noise(num_timesteps), rate_hz, spoken)
    spans = alignment.spans
    assert spans[0].start_s == 0
    assert spans[-1].end_s == num_timesteps / rate_hz
    assert all(a.end_s == b.start_s for a, b in pairwise(spans))
    assert all(span.end_s > span.start_s for span in spans)
    assert [span.place for span in spans if span.place is not None] == list(range(6))
    assert alignment.num_frames * HOP >= num_timesteps * RATE_HZ / rate_hz - 1
    assert np.isfinite(alignment.score)


def test_the_units_of_one_phone_are_one_span_and_equal_phones_two() -> None:
    graph = graph_of(utterance("ɔːɹ t|t"))
    slots = [1, 2, 3, 5]  # no silence
    states = np.repeat([STATES * slot + state for slot in slots for state in range(STATES)], 2)
    scores = np.zeros((len(states), graph.num_states))
    onsets_s = onsets_of(states, graph, scores, np.arange(graph.num_states))
    spans = spans_of(states, graph, onsets_s, 0.25)
    times = [(span.place, span.start_s, span.end_s) for span in spans]
    assert times == [(0, 0, 0.12), (1, 0.12, 0.18), (2, 0.18, 0.25)]


def test_what_fits_best_whatever_is_said_has_a_fit_of_nothing() -> None:
    model = oracle("k æ t", "s iː")
    drawn = drawn_utterance(utterance("k æ t|s iː"))
    scores = model.state_scores(drawn.features)
    right = path_of(model, scores, drawn.graph)
    wrong = path_of(model, scores, graph_of(utterance("s iː k|t")))
    assert -0.2 < fit_of(right, scores) <= 0
    assert fit_of(wrong, scores) < -20


def test_an_onset_lies_where_one_state_becomes_likelier_than_the_other() -> None:
    columns = np.array([0, 1])
    states = np.array([0, 0, 1, 1])
    onset = np.array([2])
    even = np.array([[9, 0], [4, 0], [0, 4], [0, 9.0]])
    assert crossings(even, columns, states, onset) == 2.0
    late = np.array([[9, 0], [9, 0], [0, 1], [0, 9.0]])
    assert crossings(late, columns, states, onset) == pytest.approx(2.4)
    early = np.array([[9, 0], [1, 0], [0, 9], [0, 9.0]])
    assert crossings(early, columns, states, onset) == pytest.approx(1.6)
    neither = np.array([[9, 0], [0, 1], [0, 9], [0, 9.0]])
    assert crossings(neither, columns, states, onset) == 2.0


def test_a_text_much_longer_than_the_recording_is_an_item_error() -> None:
    spoken = utterance("k æ t " * 20)
    with pytest.raises(ItemError, match=r"60 sounds need at least 1.80 s, the recording lasts 1.00 s") as caught:
        align(oracle("k æ t"), noise(16_000), 16_000, spoken)
    assert caught.value.stage == "align"
    assert align(oracle("k æ t"), noise(round(1.8 / HOP_S) * HOP), 16_000, spoken).spans


@pytest.mark.parametrize("nothing", [Utterance(()), Utterance(((Word("'", ()),),))])
def test_a_text_without_phones_is_an_item_error(nothing: Utterance) -> None:
    with pytest.raises(ItemError, match="nothing is said"):
        align(oracle("k"), noise(16_000), 16_000, nothing)


def test_an_empty_recording_is_an_item_error() -> None:
    with pytest.raises(ItemError, match=r"lasts 0.00 s"):
        align(oracle("k"), noise(0), 16_000, utterance("k"))


def test_sounds_that_the_model_has_never_heard_are_aligned_too() -> None:
    alignment = align(oracle("k æ"), noise(16_000), 16_000, utterance("ʒ ɔɪ|5"))
    assert [span.place for span in alignment.spans if span.place is not None] == [0, 1, 2]


def test_digital_silence_is_aligned_somehow() -> None:
    alignment = align(oracle("k æ"), np.zeros(16_000, np.float32), 16_000, utterance("k æ"))
    assert np.isfinite(alignment.score)
