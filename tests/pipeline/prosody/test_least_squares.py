import numpy as np
import pytest

from pipeline.prosody.least_squares import PENALTIES, Ridge, Sums

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 9)) + 3
Y = X[:, :3] @ RNG.normal(size=(3, 2)) + 5 + RNG.normal(size=(60, 2)) * 0.4


def fitted(x: np.ndarray, y: np.ndarray, chunk: int = 60) -> Ridge:
    sums = Sums(x.shape[1], y.shape[1])
    for start in range(0, len(x), chunk):
        sums.add(x[start : start + chunk], y[start : start + chunk])
    return sums.ridge()


def by_lstsq(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """The same minimum as ordinary least squares: a row for each weight, a column for the bias."""
    num = x.shape[1]
    rows = np.vstack([np.hstack([x, np.ones((len(x), 1))]), np.eye(num, num + 1) * np.sqrt(penalty)])
    found: np.ndarray = np.linalg.lstsq(rows, np.vstack([y, np.zeros((num, y.shape[1]))]), rcond=None)[0]
    return found


def cross_validation(x: np.ndarray, y: np.ndarray, penalty: float) -> float:
    """Generalised cross-validation by its definition, with the matrix that maps targets to their predictions."""
    centred = x - x.mean(0)
    hat = centred @ np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T) + 1 / len(x)
    return float(((y - hat @ y) ** 2).sum() / (len(x) - np.trace(hat)) ** 2)


def test_it_is_the_minimum_that_numpy_finds() -> None:
    ridge = fitted(X, Y)
    expected = by_lstsq(X, Y, ridge.penalty)
    assert np.abs(ridge.weights - expected[:-1]).max() < 1e-9
    assert np.abs(ridge.bias - expected[-1]).max() < 1e-9
    assert np.abs(ridge.predict(X) - (X @ expected[:-1] + expected[-1])).max() < 1e-9


@pytest.mark.parametrize("noise", [0.1, 30.0])
def test_the_penalty_generalises_best_by_the_definition(noise: float) -> None:
    y = Y + np.random.default_rng(1).normal(size=Y.shape) * noise
    scores = {penalty: cross_validation(X, y, penalty) for penalty in PENALTIES}
    assert fitted(X, y).penalty == min(scores, key=lambda penalty: scores[penalty])


def test_noise_asks_for_a_larger_penalty() -> None:
    noisy = np.random.default_rng(1).normal(size=Y.shape)
    assert fitted(X, noisy).penalty > fitted(X, Y).penalty


def test_rows_may_come_in_any_portions_and_order() -> None:
    order = np.random.default_rng(2).permutation(2100) % 60
    x, y = np.tile(X, (35, 1)), np.tile(Y, (35, 1))
    whole, mixed = fitted(x, y, 2100), fitted(x[order], y[order], 7)
    assert whole.penalty == mixed.penalty
    assert np.abs(whole.weights - mixed.weights).max() < 1e-9
    assert np.abs(whole.variance - mixed.variance).max() < 1e-9


def test_what_is_left_is_measured_without_the_directions_that_were_fitted() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 100))
    y = 2 * rng.normal(size=(400, 1)) + x @ rng.normal(size=(100, 1)) * 10
    ridge = fitted(x, y)
    assert ridge.variance[0] == pytest.approx(((y - ridge.predict(x)) ** 2).sum() / (400 - 1 - 100), rel=0.01)


def test_a_feature_that_is_always_zero_has_no_weight() -> None:
    ridge = fitted(np.hstack([X, np.zeros((60, 1))]), Y)
    assert np.abs(ridge.weights[-1]).max() == 0


def test_one_row_gives_its_own_value() -> None:
    ridge = fitted(X[:1], Y[:1])
    assert np.abs(ridge.predict(X[1:2]) - Y[:1]).max() < 1e-9
    assert np.isfinite(ridge.variance).all()
