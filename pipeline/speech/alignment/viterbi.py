"""The likeliest path through a chain of states, every frame in one of them.

A path stays, goes on by one state, or skips a silence between words; it starts in the first state or the first word's,
and ends in the last state or the last word's. Departure from a hidden Markov model: no transition is likelier than
another, so that durations are heard, not expected.

Axes: F frame, S state of the chain, R state of the model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ItemError
from pipeline.speech.alignment.graph import STATES

SKIP = STATES + 1
"""How far a path jumps that leaves out a silence."""

MOST_CELLS = 2**27
"""Frames x states that are kept (a byte each): beyond, only states near the diagonal are looked at."""


@dataclass(frozen=True)
class Path:
    """State of each frame [F], and the log likelihood of all frames in nats."""

    states: NDArray[np.intp]
    log_likelihood: float


def best_path(
    scores: NDArray[np.float64], rows: NDArray[np.intp], may_skip: NDArray[np.bool_], most_cells: int = MOST_CELLS
) -> Path:
    """Scores [F, R] of the model's states, the row of each state of the chain [S], and which may be skipped to [S].

    With more than `most_cells` frames x states, a state is looked at while the frame's share of the recording and the
    state's share of the chain differ by little: 10 minutes may then drift by half a minute from an even pace.
    Raises ItemError at stage "align" where no path fits into the frames.
    """
    num_frames, num_states = len(scores), len(rows)
    width = min(num_states, max(2 * SKIP, most_cells // max(num_frames, 1)))
    lows = window_starts(num_frames, num_states, width)
    steps = np.zeros((num_frames, width), np.int8)
    best = np.full(SKIP + num_states, -np.inf)  # with places before the first state, so that all have predecessors
    best[[SKIP, SKIP + STATES]] = scores[0, rows[[0, STATES]]]
    penalty = np.where(may_skip, 0.0, -np.inf)
    for frame in range(1, num_frames):
        low, high = lows[frame], lows[frame] + width
        reached, step = arrivals(best, low, high, penalty)
        steps[frame] = step
        best[SKIP + lows[frame - 1] : SKIP + low] = -np.inf
        best[SKIP + low : SKIP + high] = reached + scores[frame, rows[low:high]]
    return traced(best[SKIP:], steps, lows)


def arrivals(
    best: NDArray[np.float64], low: int, high: int, penalty: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """The best way into each state in [low, high): what it scores so far, and by how many states it jumps."""
    stayed, went_on = best[SKIP + low : SKIP + high], best[SKIP + low - 1 : SKIP + high - 1]
    skipped = best[low:high] + penalty[low:high]
    step = (went_on > stayed).astype(np.int8)
    reached = np.maximum(went_on, stayed)
    step[skipped > reached] = SKIP
    return np.maximum(reached, skipped), step


def traced(last: NDArray[np.float64], steps: NDArray[np.int8], lows: NDArray[np.intp]) -> Path:
    """The path that ends best, from its last frame back to the first."""
    num_frames, num_states = len(steps), len(last)
    state = num_states - 1 if last[-1] >= last[-1 - STATES] else num_states - 1 - STATES
    if not np.isfinite(last[state]):
        raise ItemError("align", f"{num_states} states find no path through {num_frames} frames")
    total = float(last[state])
    states = np.empty(num_frames, np.intp)
    for frame in range(num_frames - 1, -1, -1):
        states[frame] = state
        state -= int(steps[frame, state - lows[frame]])
    return Path(states, total)


def window_starts(num_frames: int, num_states: int, width: int) -> NDArray[np.intp]:
    """[F] the first state that is looked at: the window goes through the chain at an even pace."""
    middle = np.arange(num_frames) * num_states // max(num_frames, 1)
    return np.clip(middle - width // 2, 0, num_states - width)
