import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.against_real.histograms import (
    Counts,
    Grid,
    entropy_bits,
    jensen_shannon_bits,
    means,
    shares,
    spreads,
    wasserstein,
)

GRID = Grid(0, 10, 40)

values = st.lists(st.floats(0, 9.99), min_size=1, max_size=30)


def counts_of(*numbers: int) -> Counts:
    return np.array([numbers], np.int64)


def test_values_fall_where_they_belong_and_beyond_the_ends_into_the_last_bins() -> None:
    found = Grid(0, 4, 4).count(np.array([[-3, 0, 0.99, 1, 3.9, 4, 99]]))
    assert found.tolist() == [[3, 1, 0, 3]]
    assert found.dtype == np.int64


def test_series_are_counted_apart() -> None:
    assert Grid(0, 2, 2).count(np.array([[0, 0, 1], [1, 1, 1]])).tolist() == [[2, 1], [0, 3]]


@given(values, values)
def test_the_wasserstein_distance_is_the_mean_way_between_sorted_values(one: list[float], other: list[float]) -> None:
    """Each repeated as often as the other is long: the k-th smallest goes to the k-th smallest."""
    left, right = np.sort(np.repeat(one, len(other))), np.sort(np.repeat(other, len(one)))
    [found] = wasserstein(GRID.count(np.array(one)), GRID.count(np.array(other)), GRID)
    assert found == pytest.approx(np.abs(left - right).mean(), abs=GRID.width)


@given(values)
def test_mean_and_spread_are_known_to_half_a_bin(one: list[float]) -> None:
    found = GRID.count(np.array(one))
    assert means(found, GRID)[0] == pytest.approx(np.mean(one), abs=GRID.width / 2 + 1e-9)
    assert spreads(found, GRID)[0] == pytest.approx(np.std(one), abs=GRID.width)


def test_a_shift_of_all_values_is_the_distance() -> None:
    one = np.random.default_rng(0).uniform(0, 5, 100)
    shifted = GRID.count(one + 8 * GRID.width)
    assert wasserstein(GRID.count(one), shifted, GRID)[0] == pytest.approx(8 * GRID.width, abs=1e-9)


def test_jensen_shannon_of_equal_histograms_is_nothing_and_of_disjoint_ones_a_bit() -> None:
    assert jensen_shannon_bits(counts_of(3, 5, 9), counts_of(6, 10, 18)).tolist() == [0]
    assert jensen_shannon_bits(counts_of(3, 5, 0), counts_of(0, 0, 7)).tolist() == [1]


def test_jensen_shannon_by_its_definition() -> None:
    """Half of the Kullback-Leibler divergence of each to the mixture."""
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.125, 0.125, 0.75])
    mixed = (p + q) / 2
    by_hand = (p * np.log2(p / mixed)).sum() / 2 + (q * np.log2(q / mixed)).sum() / 2
    assert jensen_shannon_bits(counts_of(4, 2, 2), counts_of(1, 1, 6))[0] == pytest.approx(by_hand, abs=1e-12)


def test_entropy_of_alike_levels_is_their_logarithm() -> None:
    assert entropy_bits(shares(counts_of(*[2] * 16))).tolist() == [4]


def test_nothing_has_no_shares() -> None:
    with pytest.raises(ValueError, match="without values"):
        shares(counts_of(0, 0))
