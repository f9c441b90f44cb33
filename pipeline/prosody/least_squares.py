"""Ridge regression from sums over rows: what is kept in memory is a matrix of features by features, whatever comes by.

Axes: N row, D feature, K target.

The weights minimise |Y - XW - b|² + penalty · |W|²; the bias is not penalised. The penalty is the one of `PENALTIES`
with the least generalised cross-validation, RSS / (N - df)² summed over targets, where df counts the bias and what is
left of each direction of X (Golub, Heath and Wahba 1979): it needs the same sums and no rows held back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""On the 40 utterances that were tried, 1 to 3 was best for durations and 3 to 30 for pitch; more rows need less."""

ROWS_AT_ONCE = 1024
"""Fewer would spend their time on adding the matrix of sums, not on what is added."""


@dataclass(frozen=True)
class Ridge:
    """weights [D, K], bias [K]; variance [K] of what they leave unexplained in the rows that they were fitted to."""

    weights: Matrix
    bias: Matrix
    variance: Matrix
    penalty: float

    def predict(self, x: Matrix) -> Matrix:
        """[N, D] to [N, K]."""
        predicted: Matrix = x @ self.weights + self.bias
        return predicted


class Sums:
    """The sums that a regression is made of; rows are added a few at a time."""

    def __init__(self, num_features: int, num_targets: int) -> None:
        width = num_features + num_targets
        self.num_rows = 0
        self._totals, self._products = np.zeros(width), np.zeros((width, width))
        self._num_features = num_features
        self._waiting: list[Matrix] = []

    def add(self, x: Matrix, y: Matrix) -> None:
        """Rows x [N, D] and their targets y [N, K]."""
        self._waiting.append(np.hstack([x, y]))
        self.num_rows += len(x)
        if sum(map(len, self._waiting)) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rows = np.concatenate(self._waiting)
            self._totals += rows.sum(axis=0)
            self._products += rows.T @ rows
            self._waiting = []

    def ridge(self) -> Ridge:
        """The regression; of no rows at all it is zero."""
        self._flush()
        number = max(self.num_rows, 1)
        means = self._totals / number
        spread = self._products - number * np.outer(means, means)
        split = self._num_features
        weights, variance, penalty = solved(
            spread[:split, :split], spread[:split, split:], spread[split:, split:], number
        )
        return Ridge(weights, means[split:] - means[:split] @ weights, variance, penalty)


def solved(xx: Matrix, xy: Matrix, yy: Matrix, num_rows: int) -> tuple[Matrix, Matrix, float]:
    """Weights, unexplained variance and the penalty that generalised best, from centred sums of products."""
    values, directions = np.linalg.eigh(xx)
    values = np.maximum(values, 0)  # rounding makes small ones negative
    along = directions.T @ xy
    tries = []
    for penalty in PENALTIES:
        shares = along / (values + penalty)[:, None]
        rest = np.maximum(np.diag(yy) - 2 * (shares * along).sum(0) + (values[:, None] * shares**2).sum(0), 0)
        freedom = max(num_rows - 1 - float((values / (values + penalty)).sum()), 1e-9)
        tries.append((float(rest.sum()) / freedom**2, penalty, directions @ shares, rest / freedom))
    _, penalty, weights, variance = min(tries, key=lambda one: one[0])
    return weights, variance, penalty
