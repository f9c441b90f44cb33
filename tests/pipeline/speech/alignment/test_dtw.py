import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.speech.alignment.dtw import DIAGONAL, FIRST, SECOND, band_width, warped, warping_path
from pipeline.speech.alignment.features import NUM_FEATURES


def plain_path(distance: NDArray[np.float64], band: int) -> list[int]:
    """The definition, cell by cell."""
    rows, columns = distance.shape
    costs = np.full((rows + 1, columns + 1), np.inf)
    costs[0, 0] = 0
    steps = np.zeros((rows, columns), int)
    for i in range(rows):
        middle = i * columns // rows
        for j in range(max(0, middle - band), min(columns, middle + band + 1)):
            ways = {
                0: costs[i, j] + DIAGONAL * distance[i, j],
                FIRST: costs[i, j + 1] + distance[i, j],
                SECOND: costs[i + 1, j] + distance[i, j],
            }
            steps[i, j] = min(ways, key=lambda way: ways[way])
            costs[i + 1, j + 1] = min(ways.values())
    i, j = rows - 1, columns - 1
    first_met = [0] * rows
    while i >= 0 and j >= 0:
        first_met[i] = j
        step = steps[i, j]
        i -= step != SECOND
        j -= step != FIRST
    return first_met


@settings(deadline=None, max_examples=60)
@given(rows=st.integers(1, 14), columns=st.integers(1, 14), seed=st.integers(0, 10_000), band=st.integers(14, 20))
def test_a_row_at_once_is_a_cell_at_a_time(rows: int, columns: int, seed: int, band: int) -> None:
    distance = np.random.default_rng(seed).random((rows, columns)) + 0.01
    assert warping_path(distance, band).tolist() == plain_path(distance, band)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_within_a_band(seed: int) -> None:
    distance = np.random.default_rng(seed).random((40, 52)) + 0.01
    assert warping_path(distance, 15).tolist() == plain_path(distance, 15)


def test_a_stretched_recording_goes_with_what_it_was_stretched_from() -> None:
    original = np.cumsum(np.random.default_rng(0).standard_normal((60, NUM_FEATURES)), axis=0).astype(np.float32)
    lengths = np.random.default_rng(1).integers(1, 4, 60)
    stretched = np.repeat(original, lengths, axis=0)
    starts = np.append(0, np.cumsum(lengths)[:-1])
    np.testing.assert_array_equal(warped(original, stretched), starts)


def test_the_band_reaches_the_last_frame_whatever_the_lengths() -> None:
    for first, second in ((10, 400), (400, 10), (300, 300), (1, 1)):
        features = np.random.default_rng(2).standard_normal((first, NUM_FEATURES)).astype(np.float32)
        other = np.random.default_rng(3).standard_normal((second, NUM_FEATURES)).astype(np.float32)
        path = warped(features, other)
        assert len(path) == first
        assert (np.diff(path) >= 0).all()
        assert band_width(first, second) >= abs(first - second)
