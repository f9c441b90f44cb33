"""Ids that were given: what a set would say, in a fifth of its memory."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import seen_ids as seen
from pipeline.corpora.listing import unique
from pipeline.seen_ids import SeenIds

ids = st.text(st.characters(), max_size=4)  # half a surrogate pair, as in a name that is no UTF-8, is one too


@given(st.lists(ids), st.sampled_from([1, 2, 2**8]))
def test_it_answers_as_a_set_does(given_ids: list[str], num_buckets: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen, "NUM_BUCKETS", num_buckets)
        ours, theirs = SeenIds(), set[str]()
        for item_id in given_ids:
            assert ours.add(item_id) == (item_id not in theirs)
            theirs.add(item_id)
            assert len(ours) == len(theirs)


def test_ids_that_look_alike_stay_apart() -> None:
    ours = SeenIds()
    assert all(ours.add(item_id) for item_id in ("", "~", "~~", "a", "~a", "é", "e\u0301", "a\n", "a ", "A"))
    assert not ours.add("e\u0301")


def test_it_grows_without_forgetting_and_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "NUM_BUCKETS", 2**9)  # as full as the usual number is with ten million ids
    ours = SeenIds()
    tracemalloc.start()
    assert all(ours.add(f"speaker{number % 100}/utterance-{number:09}") for number in range(39_000))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not any(ours.add(f"speaker{number % 100}/utterance-{number:09}") for number in range(0, 39_000, 7))
    assert held_bytes / len(ours) < 24


def test_both_ways_to_note_an_id_agree() -> None:
    ours, theirs = SeenIds(), set[str]()
    for item_id in ("a", "b", "a", "c", "b"):
        assert unique(ours, item_id) == unique(theirs, item_id)
