import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.speech.alignment.features import RATE_HZ
from pipeline.speech.alignment.onsets import HOP_S, REACH, SIDE, changes, sharpened


def two_tones(change_s: float, duration_s: float = 0.5) -> NDArray[np.float32]:
    """A tone that becomes another one."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = np.where(times < change_s, np.sin(2 * np.pi * 300 * times), np.sin(2 * np.pi * 2100 * times))
    return (0.3 * wave + 0.001 * np.random.default_rng(0).standard_normal(len(times))).astype(np.float32)


@pytest.mark.parametrize("off_ms", [-12, -6, 0, 5, 12])
def test_an_onset_moves_towards_the_change_beside_it(off_ms: float) -> None:
    moved = sharpened(two_tones(0.2), np.array([0.2 + off_ms / 1000]))
    assert abs(moved[0] - 0.2) <= 0.7 * abs(off_ms) / 1000 + 1.01 * HOP_S


def test_a_change_out_of_reach_is_left_alone() -> None:
    moved = sharpened(two_tones(0.2), np.array([0.35]))
    assert abs(moved[0] - 0.35) <= REACH * HOP_S + HOP_S


def test_the_steepness_is_the_distance_between_the_means_on_both_sides() -> None:
    cepstra = np.random.default_rng(0).standard_normal((60, 13))
    found = changes(cepstra)
    assert found.shape == (61,)
    for place in (1, 5, 30, 57):
        left, right = cepstra[max(0, place - SIDE) : place], cepstra[place : place + SIDE]
        assert found[place] == pytest.approx(np.linalg.norm(right.mean(axis=0) - left.mean(axis=0)))
    assert found[0] == found[-1] == 0


@settings(deadline=None, max_examples=60)
@given(
    gaps=st.lists(st.floats(0.001, 0.1), min_size=1, max_size=12),
    rest=st.floats(0.001, 0.1),
    seed=st.integers(0, 100),
)
def test_onsets_stay_in_order_apart_and_inside(gaps: list[float], rest: float, seed: int) -> None:
    onsets = np.cumsum(gaps)
    duration_s = float(onsets[-1]) + rest
    wave = np.random.default_rng(seed).standard_normal(max(1, round(duration_s * RATE_HZ))).astype(np.float32)
    moved = sharpened(wave, onsets)
    assert moved.shape == onsets.shape
    assert (np.abs(moved - onsets) <= (REACH + 0.51) * HOP_S).all()
    edges = np.concatenate([[0.0], moved, [duration_s]])
    assert (np.diff(edges) > 0).all()


def test_no_onset_is_none() -> None:
    assert sharpened(two_tones(0.2), np.zeros(0)).size == 0


def test_digital_silence_moves_nothing_far() -> None:
    moved = sharpened(np.zeros(8000, np.float32), np.array([0.1, 0.2]))
    np.testing.assert_allclose(moved, [0.1, 0.2], atol=HOP_S)
