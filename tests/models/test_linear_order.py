"""Criteria of order: a peer's figures up to what all orders share, and the order that made the series."""

import math

import numpy as np
import pytest
import torch
from statsmodels.tools.eval_measures import aicc as peer_aicc
from statsmodels.tsa.vector_ar.var_model import VAR
from torch import Tensor

from models.linear_fits import fit_least_squares
from models.linear_order import CRITERIA, score_orders
from models.linear_process import LinearProcess, simulate
from tests.models.linear_processes import AR2, VAR2

MAX_ORDER = 5


def spread(values: Tensor | list[float]) -> Tensor:
    """Scores of all orders less that of order 0: what they share is gone."""
    scores = torch.as_tensor(values, dtype=torch.float64)
    return scores - scores[0]


def test_scores_agree_with_a_peer() -> None:
    series = simulate(VAR2, 1, 60, seed=0)
    ours, peer = score_orders(series, MAX_ORDER), VAR(series[0].numpy()).select_order(MAX_ORDER)
    for criterion in ("aic", "bic"):
        np.testing.assert_allclose(spread(ours.scores[criterion]), spread(peer.ics[criterion]), rtol=1e-9)
    np.testing.assert_allclose(ours.scores["fpe"].numpy(), peer.ics["fpe"], rtol=1e-9)
    assert {name: ours.best[name] for name in ("aic", "bic", "fpe")} == {
        name: getattr(peer, name) for name in ("aic", "bic", "fpe")
    }


def log_det_noise(series: Tensor, order: int) -> float:
    """By numpy: ln det of the mean square residual over the values that have MAX_ORDER before them."""
    rows, targets = [], []
    for x in series.numpy():
        for t in range(MAX_ORDER, len(x)):
            rows.append(np.concatenate([[1.0], *(x[t - i] for i in range(1, order + 1))]))
            targets.append(x[t])
    past, present = np.array(rows), np.array(targets)
    residuals = present - past @ np.linalg.lstsq(past, present)[0]
    return float(np.linalg.slogdet(residuals.T @ residuals / len(residuals))[1])


@pytest.mark.parametrize("process", [AR2, VAR2])
def test_corrected_criterion_by_its_count_of_parameters(process: LinearProcess) -> None:
    # N (ln det Σ + D) + 2 k N / (N - q - D - 1), with k = q D + D (D + 1) / 2 numbers fitted  (Bedrick and Tsai, 1994)
    series, dimension = simulate(process, 2, 25, seed=0), process.dimension
    num_values = 2 * (25 - MAX_ORDER)
    expected = []
    for order in range(MAX_ORDER + 1):
        unknowns = order * dimension + 1
        numbers = unknowns * dimension + dimension * (dimension + 1) / 2
        penalty = 2 * numbers * num_values / (num_values - unknowns - dimension - 1)
        expected.append(log_det_noise(series, order) + dimension + penalty / num_values)
    np.testing.assert_allclose(score_orders(series, MAX_ORDER).scores["aicc"].numpy(), expected, rtol=1e-9)


def test_corrected_criterion_of_a_scalar_agrees_with_a_peer() -> None:
    series, num_values = simulate(AR2, 2, 15, seed=0), 20
    ours = score_orders(series, MAX_ORDER).scores["aicc"]
    expected = [
        peer_aicc(-0.5 * num_values * log_det_noise(series, order), num_values, order + 2) / num_values
        for order in range(MAX_ORDER + 1)
    ]
    np.testing.assert_allclose(spread(ours), spread(expected), rtol=1e-9)


@pytest.mark.parametrize(("process", "order"), [(AR2, 2), (VAR2, 2), (LinearProcess.scalar([], 7.0), 0)])
def test_the_order_that_made_the_series_is_chosen(process: LinearProcess, order: int) -> None:
    found = score_orders(simulate(process, 4, 800, seed=2), MAX_ORDER)
    assert found.best == dict.fromkeys(CRITERIA, order)
    assert all(scores.shape == (MAX_ORDER + 1,) for scores in found.scores.values())


def test_the_correction_keeps_a_short_series_from_a_high_order() -> None:
    noise = LinearProcess.scalar([])
    found = [score_orders(simulate(noise, 1, 22, seed), 8).best for seed in range(40)]
    assert sum(best["aic"] > 4 for best in found) > 10
    assert sum(best["aicc"] > 4 for best in found) == 0


def test_orders_are_compared_on_the_same_values() -> None:
    # What stands before the first value that the highest order predicts must not reach the score of order 0.
    series = simulate(AR2, 2, 60, seed=0).squeeze(-1)
    changed = series.clone()
    changed[:, :MAX_ORDER] += 100
    assert score_orders(changed, MAX_ORDER).scores["aic"][0] == score_orders(series, MAX_ORDER).scores["aic"][0]


def test_score_of_order_zero_is_the_variance() -> None:
    series = simulate(AR2, 2, 60, seed=0)
    expected = fit_least_squares(series, 0).log_det_noise
    assert score_orders(series, 0).scores["aic"].tolist() == pytest.approx([expected])
    assert score_orders(series, 0).best["bic"] == 0


def test_series_that_tell_no_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"orders up to 4 need 8 values that have 4 before them, got .*\(1, 11, 1\)"):
        score_orders(torch.randn(1, 11), 4)
    assert all(map(math.isfinite, score_orders(torch.arange(12.0).square().sin()[None], 4).scores["aicc"]))
    with pytest.raises(ValueError, match="constant"):
        score_orders(torch.ones(1, 100), 2)
    twice = torch.arange(100.0).sin()[None, :, None].repeat(1, 1, 2)
    with pytest.raises(ValueError, match="some dimensions of the series are sums of others"):
        score_orders(twice, 2)
