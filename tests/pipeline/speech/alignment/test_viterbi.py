from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.errors import ItemError
from pipeline.speech.alignment.graph import STATES, graph_of
from pipeline.speech.alignment.viterbi import best_path
from tests.alignment_builders import utterance


def all_paths(num_frames: int, num_states: int, may_skip: NDArray[np.bool_]) -> Iterator[tuple[int, ...]]:
    """Every path that the rules allow, one after the other."""

    def onward(path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(path) == num_frames:
            if path[-1] in (num_states - 1, num_states - 1 - STATES):
                yield path
            return
        here = path[-1]
        for step in (0, 1, STATES + 1):
            there = here + step
            if there < num_states and (step <= 1 or may_skip[there]):
                yield from onward((*path, there))

    for first in (0, STATES):
        yield from onward((first,))


@settings(max_examples=25, deadline=None)
@given(num_frames=st.integers(3, 11), seed=st.integers(0, 10_000), words=st.sampled_from(["a", "a|b", "a b"]))
def test_the_path_is_the_best_of_all_paths(num_frames: int, seed: int, words: str) -> None:
    graph = graph_of(utterance(words))
    if num_frames < graph.fewest_frames:
        return
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 5, graph.num_states)
    scores = rng.standard_normal((num_frames, 5))
    path = best_path(scores, rows, graph.follows_silence())
    totals = {
        candidate: sum(scores[frame, rows[state]] for frame, state in enumerate(candidate))
        for candidate in all_paths(num_frames, graph.num_states, graph.follows_silence())
    }
    assert path.log_likelihood == pytest.approx(max(totals.values()))
    assert totals[tuple(path.states.tolist())] == pytest.approx(path.log_likelihood)


def test_silences_are_passed_through_only_where_they_are_heard() -> None:
    graph = graph_of(utterance("a|b|c"))
    heard = [1, 2, 3, 5]  # a, silence, b, c: the silences at both ends and the last one between are left out
    states = np.repeat([STATES * slot + state for slot in heard for state in range(STATES)], 2)
    scores = np.full((len(states), graph.num_states), -5.0)
    scores[np.arange(len(states)), states] = 0
    path = best_path(scores, np.arange(graph.num_states), graph.follows_silence())
    np.testing.assert_array_equal(path.states, states)
    assert path.log_likelihood == 0


def test_a_chain_that_does_not_fit_is_an_item_error() -> None:
    graph = graph_of(utterance("a b c"))
    scores = np.zeros((graph.fewest_frames - 1, 1))
    with pytest.raises(ItemError, match="no path through 8 frames") as caught:
        best_path(scores, np.zeros(graph.num_states, np.intp), graph.follows_silence())
    assert caught.value.stage == "align"


def long_case() -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.bool_], NDArray[np.intp]]:
    """Scores of many words said at an even pace, and the states that they lead through."""
    graph = graph_of(utterance("|".join("abcdefgh" * 5)))
    states = np.repeat(np.arange(graph.num_states), 3)
    scores = np.random.default_rng(0).standard_normal((len(states), graph.num_states))
    scores[np.arange(len(states)), states] += 8
    return scores, np.arange(graph.num_states), graph.follows_silence(), states


def test_near_the_diagonal_alone_the_path_is_the_same() -> None:
    scores, rows, may_skip, states = long_case()
    whole = best_path(scores, rows, may_skip)
    np.testing.assert_array_equal(whole.states, states)
    for width in (8, 20, 61, len(rows) - 1):
        narrow = best_path(scores, rows, may_skip, most_cells=width * len(scores))
        np.testing.assert_array_equal(narrow.states, whole.states)
        assert narrow.log_likelihood == whole.log_likelihood


def test_no_state_outside_the_window_is_used() -> None:
    """A path that goes ahead of an even pace by more than the window is not found; the one that is keeps the rules."""
    scores, rows, may_skip, _ = long_case()
    # All far below zero: what a state outside had scored some frames ago would look better than it does now.
    scores[:, :] = np.random.default_rng(1).standard_normal(scores.shape) - 20
    path = best_path(scores, rows, may_skip, most_cells=30 * len(scores))
    pace = np.arange(len(scores)) * len(rows) / len(scores)
    assert np.abs(path.states - pace)[:-90].max() <= 31
    for before, after in pairwise(path.states.tolist()):
        assert after - before in (0, 1) or (after - before == STATES + 1 and may_skip[after])
    total = scores[np.arange(len(scores)), path.states].sum()
    assert path.log_likelihood == pytest.approx(total)
