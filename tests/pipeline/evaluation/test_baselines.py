import math
from collections import Counter

import pytest

from pipeline.evaluation.baselines import marginal_bits, uniform_bits
from pipeline.shards.commit import Tally


def tally(**histograms: list[list[int]]) -> Tally:
    return Tally(num_rows=Counter(dict.fromkeys(histograms, 1)), histograms=histograms)


def test_all_levels_alike_cost_log2_k() -> None:
    assert uniform_bits(256) == 8


def test_the_histogram_by_hand() -> None:
    """Train counts 5 and 1 of two levels, smoothed to 6/8 and 2/8; held out are three of one and one of the other."""
    expected = (3 * math.log2(8 / 6) + math.log2(8 / 2)) / 4
    assert marginal_bits(tally(train=[[5, 1]], validation=[[3, 1]]), "validation", 2) == pytest.approx(
        expected, abs=1e-12
    )


def test_each_channel_has_its_own_histogram() -> None:
    counts = tally(train=[[998, 0], [0, 998]], validation=[[10, 0], [0, 10]])
    assert marginal_bits(counts, "validation", 2) == pytest.approx(math.log2(1000 / 999), abs=1e-12)


def test_a_level_that_training_never_saw_costs_a_finite_amount() -> None:
    found = marginal_bits(tally(train=[[6, 0]], validation=[[0, 1]]), "validation", 2)
    assert found == pytest.approx(3.0)


def test_without_a_training_split_there_is_no_histogram() -> None:
    assert marginal_bits(tally(validation=[[1, 1]]), "validation", 2) is None


def test_levels_that_share_a_bin_are_alike() -> None:
    """65,536 levels in 256 bins of 256 each: 8 bits within the bin, whatever the bin costs."""
    counts = tally(train=[[2**40 - 1] * 256], validation=[[3] + [0] * 255])
    assert marginal_bits(counts, "validation", 65536) == pytest.approx(16, abs=1e-9)
    assert marginal_bits(tally(train=[[0] * 256], validation=[[1] * 256]), "validation", 300) == pytest.approx(
        8 + 44 / 256, abs=1e-12
    )
