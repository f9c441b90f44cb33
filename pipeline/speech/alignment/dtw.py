"""Dynamic time warping: two recordings of the same words, frame by frame.

Sakoe & Chiba 1978, with the symmetric step pattern, a diagonal step weighing 1.2, within a band around the diagonal.
A row is taken at once: the best way along it is a running minimum, once the distances along it are summed up.

Axes: F frame of the first recording, G frame of the second, D feature.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.speech.alignment.features import NUM_CEPSTRA, Features

Array = NDArray[np.float64]

DIAGONAL = 1.2
"""A diagonal step covers a frame of each: at 2 it would be as dear as a detour, at 1 pauses would be torn apart."""

BAND_SHARE = 0.25
"""Of the second recording: how far its frame may lie from an even pace."""
FEWEST_BAND_FRAMES = 75

BOTH, FIRST, SECOND = 0, 1, 2


def warped(first: Features, second: Features) -> NDArray[np.intp]:
    """[F] for each frame of the first the earliest frame of the second that it goes with, never falling."""
    return warping_path(distances(first, second), band_width(len(first), len(second)))


def band_width(num_first: int, num_second: int) -> int:
    """How many frames the path may stray."""
    return max(FEWEST_BAND_FRAMES, int(abs(num_first - num_second) + BAND_SHARE * num_second))


def distances(first: Features, second: Features) -> Array:
    """[F, G] Euclidean, of cepstra and slopes that vary alike in both."""
    a, b = normalised(first), normalised(second)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * a @ b.T
    roots: Array = np.sqrt(np.maximum(squares, 0))
    return roots


def normalised(features: Features) -> Array:
    """Cepstra and slopes, each with a deviation of 1; loudness counts for more, slopes for less."""
    values = features[:, : 2 * NUM_CEPSTRA].astype(np.float64)
    values /= np.maximum(values.std(axis=0), 1e-6)
    values[:, 0] *= 1.5
    values[:, NUM_CEPSTRA:] *= 0.7
    return values


def warping_path(distance: Array, band: int) -> NDArray[np.intp]:
    """[F, G] distances to the column of each row where the cheapest path first meets it."""
    num_rows, num_columns = distance.shape
    before = np.full(num_columns, np.inf)
    steps = np.zeros(distance.shape, np.int8)
    for row in range(num_rows):
        middle = row * num_columns // num_rows
        low, high = max(0, middle - band), min(num_columns, middle + band + 1)
        before, steps[row] = next_row(before, distance[row], row == 0, low, high)
    return traced(steps)


def next_row(before: Array, distance: Array, is_first: bool, low: int, high: int) -> tuple[Array, NDArray[np.int8]]:
    """Costs of a row within [low, high) from those of the row before, and the step that leads to each."""
    diagonal = np.append(0.0 if is_first else np.inf, before[:-1]) + DIAGONAL * distance
    straight = before + distance
    arrived = np.minimum(diagonal, straight)
    arrived[:low] = arrived[high:] = np.inf
    along = np.cumsum(distance)
    reduced = arrived - along
    least = np.minimum.accumulate(reduced)
    costs = least + along
    costs[high:] = np.inf
    step = np.where(diagonal <= straight, BOTH, FIRST).astype(np.int8)
    step[least < reduced] = SECOND
    return costs, step


def traced(steps: NDArray[np.int8]) -> NDArray[np.intp]:
    """From the last frames of both back to the first."""
    row, column = steps.shape[0] - 1, steps.shape[1] - 1
    columns = np.zeros(len(steps), np.intp)
    while row >= 0 and column >= 0:
        columns[row] = column
        step = steps[row, column]
        row -= step != SECOND
        column -= step != FIRST
    return columns
