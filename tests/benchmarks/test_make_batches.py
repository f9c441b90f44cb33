"""The two ways to a batch that are timed give one batch, and another one is found."""

from dataclasses import replace

import pytest

from benchmarks.make_batches import EVERYTHING, NUM_ROWS, PHONES, batch_of, check_agreement, plain_row, shard
from pipeline.rows import Rows


def test_a_batch_that_differs_stops_the_benchmark() -> None:
    table = shard()
    cut, numbers = Rows(table).__getitem__, [3, 1, NUM_ROWS - 1]
    batch = batch_of(cut, numbers, EVERYTHING)
    check_agreement(batch, batch_of(lambda number: plain_row(table, number), numbers, EVERYTHING))
    with pytest.raises(AssertionError, match="levels differ"):
        check_agreement(batch, batch_of(cut, numbers[::-1], EVERYTHING))
    with pytest.raises(AssertionError, match="features differ"):
        check_agreement(batch, batch_of(cut, numbers, replace(EVERYTHING, f0_centre=4.0)))
    with pytest.raises(AssertionError, match="features differ"):
        check_agreement(batch, batch_of(cut, numbers, PHONES))
