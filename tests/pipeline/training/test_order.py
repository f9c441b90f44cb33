"""The order of training: every window once an epoch, the same for every number of workers, found from any step."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.index import Index, ShardIndex, Slot
from pipeline.training.order import WINDOWS, Buckets, Order, permutation, share


def index_of(lengths: list[list[int]], window: int = 10) -> Index:
    """An index of these rows' levels, shard by shard; every second row number belongs to another split."""
    return Index(
        tuple(
            ShardIndex(number, np.arange(len(rows)) * 2, np.array(rows, np.int64), window)
            for number, rows in enumerate(lengths)
            if rows
        )
    )


shards = st.lists(st.lists(st.integers(1, 45), max_size=6), min_size=1, max_size=7).filter(any)


@settings(deadline=None, max_examples=60)
@given(shards, st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**63 - 1), st.integers(0, 3), st.integers(1, 3))
def test_an_epoch_holds_every_level_once_and_drops_no_tail(
    lengths: list[list[int]], batch_size: int, held: int, seed: int, epoch: int, bucket_batches: int
) -> None:
    order = Order(index_of(lengths), batch_size, held, seed, Buckets(bucket_batches, 7))
    first = epoch * order.steps_per_epoch
    batches = [order.batch(first + step) for step in range(order.steps_per_epoch)]
    slots = list(chain.from_iterable(batches))
    assert len(set(slots)) == len(slots) == order.index.num_windows
    assert sum(slot.num_levels for slot in slots) == order.index.num_levels == sum(map(sum, lengths))
    sizes = [len(batch) for batch in batches]
    if bucket_batches > 1:  # the smaller one may stand anywhere in the last pool
        sizes.sort(reverse=True)
    assert sizes[:-1] == [batch_size] * (len(batches) - 1)
    assert 1 <= sizes[-1] <= batch_size


@settings(deadline=None, max_examples=30)
@given(shards, st.integers(1, 9), st.integers(1, 4), st.integers(1, 5))
def test_the_shares_of_all_ranks_are_the_global_batch(
    lengths: list[list[int]], batch_size: int, held: int, size: int
) -> None:
    order = Order(index_of(lengths), batch_size, held, 0)
    for step in range(order.steps_per_epoch):
        batch = order.batch(step)
        shares = [share(batch, rank, size) for rank in range(size)]
        assert sorted(chain.from_iterable(shares), key=batch.index) == batch
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("buckets", [Buckets(), Buckets(2, 5)])
def test_a_step_is_the_same_whether_the_ones_before_were_asked_for_or_not(buckets: Buckets) -> None:
    lengths = [[25, 31, 8], [40], [12, 12, 12], [9], [33, 20]]
    walked = Order(index_of(lengths), 4, 2, 3, buckets)
    straight = {step: walked.batch(step) for step in range(3 * walked.steps_per_epoch)}
    for step in reversed(straight):
        assert Order(index_of(lengths), 4, 2, 3, buckets).batch(step) == straight[step]


def padding(order: Order, buckets: Buckets) -> float:
    """The share of an epoch's batches that is filled up to their longest windows."""
    batches = [[buckets.length(slot) for slot in order.batch(step)] for step in range(order.steps_per_epoch)]
    return 1 - sum(map(sum, batches)) / sum(len(batch) * max(batch) for batch in batches)


def test_buckets_hold_windows_of_much_the_same_length_and_stay_within_their_pool() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, (8, 25)).tolist()
    buckets = Buckets(5, 12)
    plain, sorted_ = (Order(index_of(lengths, 30), 4, 2, 1, each) for each in (Buckets(), buckets))
    assert padding(plain, buckets) > 3 * padding(sorted_, buckets)
    for pool in range(0, plain.steps_per_epoch - 5, 5):
        steps = range(pool, pool + 5)
        assert {slot for step in steps for slot in plain.batch(step)} == {
            s for step in steps for s in sorted_.batch(step)
        }
    longest = [max(map(buckets.length, sorted_.batch(step))) for step in range(5)]
    assert longest != sorted(longest), "batches stand by length: training would go from short to long again and again"


def test_a_window_is_as_long_as_what_stands_before_it_makes_it() -> None:
    lengths = [Buckets(2, 12).length(slot) for slot in (Slot(0, 0, 0, 10), Slot(0, 0, 1, 10, 10), Slot(0, 0, 2, 5, 20))]
    assert lengths == [10, 20, 17]


def test_epochs_and_seeds_differ() -> None:
    index = index_of([[25, 31, 8], [40], [12, 12, 12], [9], [33, 20]])
    order = Order(index, 100, 2, 0)
    assert order.steps_per_epoch == 1
    epochs = [tuple(order.batch(epoch)) for epoch in range(5)]
    assert len(set(epochs)) == 5
    assert tuple(Order(index, 100, 2, 1).batch(0)) not in epochs


def test_no_more_shards_than_may_be_held_are_open_at_a_time() -> None:
    index = index_of([[20] * 6 for _ in range(9)])
    order = Order(index, 1, 3, 0)
    seen = [order.batch(step)[0].shard for step in range(order.steps_per_epoch)]
    for group in range(3):
        assert len(set(seen[group * 36 : (group + 1) * 36])) == 3
    assert len(set(seen[:12])) == 3  # and they are mixed: one shard alone would fill twelve batches


def test_windows_carry_their_row_number_in_the_shard_and_their_length() -> None:
    slots = [index_of([[25, 8]]).shards[0].slot(number) for number in range(4)]
    assert slots == [Slot(0, 0, 0, 10), Slot(0, 0, 1, 10, 10), Slot(0, 0, 2, 5, 20), Slot(0, 2, 0, 8)]


def test_the_permutation_is_written_down() -> None:
    """A change of these numbers changes every run, and makes stopped ones go on in another order."""
    assert permutation(np.arange(10), 0, 0, WINDOWS).tolist() == [8, 6, 3, 1, 4, 9, 7, 2, 0, 5]


def test_every_place_is_as_likely() -> None:
    counts = np.zeros((5, 5))
    for epoch in range(2000):
        counts[np.arange(5), permutation(np.arange(5), 1, epoch, WINDOWS)] += 1
    assert np.abs(counts - 400).max() < 5 * np.sqrt(400 * 0.8)


def test_no_shard_is_read_to_find_a_step() -> None:
    order = Order(index_of([[10] * 1000 for _ in range(100)]), 8, 4, 0)
    order.batch(10**9 // 8)
    assert order._group.cache_info().misses <= 2


def test_an_order_needs_a_window() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        Order(Index(()), 1, 1, 0)


def test_the_order_of_buckets_is_written_down() -> None:
    """Pools and epochs are permuted each in its own way; a change of these changes every run."""
    order = Order(index_of([[7, 3, 9, 4], [8, 2], [6, 5, 1]]), 2, 2, 0, Buckets(2))
    batches = [[slot.num_levels for slot in order.batch(step)] for step in range(2 * order.steps_per_epoch)]
    assert batches[:5] == [[6, 8], [1, 5], [4, 9], [2, 3], [7]]
    assert batches[5:] == [[4, 6], [1, 3], [8, 9], [5, 7], [2]]


@pytest.mark.parametrize("buckets", [Buckets(), Buckets(6)])
def test_a_shard_is_read_once_an_epoch_where_a_pool_is_no_wider_than_a_group(buckets: Buckets) -> None:
    """A cache of two groups' shards, as `Supply` has it, or of one group's where nothing is sorted."""
    order = Order(index_of([[10] * 12 for _ in range(9)]), 4, 3, 0, buckets)
    held: list[int] = []
    num_held, num_reads = 3 if buckets.batches == 1 else 6, 0
    for step in range(order.steps_per_epoch):
        for slot in order.batch(step):
            num_reads += slot.shard not in held
            held = [*(shard for shard in held if shard != slot.shard), slot.shard][-num_held:]
    assert num_reads == 9
