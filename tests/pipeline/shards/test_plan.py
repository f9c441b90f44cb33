from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.items import AudioItem, ImageItem, TimedPhone
from pipeline.shards.plan import ShardPlan, cut, cut_by_content, digest_of


@given(num_entries=st.integers(0, 50), per_shard=st.integers(1, 20))
def test_every_entry_is_in_one_shard_and_in_order(num_entries: int, per_shard: int) -> None:
    plans = list(cut(range(num_entries), per_shard, None))
    assert [entry for plan in plans for entry in plan.entries] == list(range(num_entries))
    assert [plan.index for plan in plans] == list(range(len(plans)))
    assert all(len(plan.entries) == per_shard for plan in plans[:-1])


def test_entries_are_drawn_one_shard_at_a_time() -> None:
    drawn = []

    def entries() -> Iterator[int]:
        for number in range(100):
            drawn.append(number)
            yield number

    next(cut(entries(), 3, None))
    assert drawn == [0, 1, 2]


def by_content(entries: list[str], share: float = 0.1) -> list[ShardPlan[str]]:
    return list(cut_by_content(entries, lambda entry: share, lambda entry: entry, {"rate": 1}))


@given(entries=st.lists(st.text(max_size=5), unique=True, max_size=200), share=st.floats(0.001, 3))
def test_cut_by_content_every_entry_is_in_one_shard_and_in_order(entries: list[str], share: float) -> None:
    plans = by_content(entries, share)
    assert [entry for plan in plans for entry in plan.entries] == entries
    assert len({plan.name for plan in plans}) == len(plans)
    fullest = max((len(plan.entries) for plan in plans), default=0)
    assert fullest <= max(1, 2 / share + 1)
    assert all(len(plan.entries) * share > 0.5 - 1e-9 for plan in plans[:-1])


def test_shards_hold_one_share_on_average() -> None:
    plans = by_content([f"item-{number}" for number in range(20_000)])
    assert 8.5 < 20_000 / len(plans) < 11


@pytest.mark.parametrize("place", [0, 1234, 4999, 5000])
def test_a_corpus_that_grows_anywhere_keeps_all_but_the_shards_near_by(place: int) -> None:
    entries = [f"item-{number}" for number in range(5000)]
    before = {plan.name: plan.digest for plan in by_content(entries)}
    grown = by_content([*entries[:place], "new-1", "new-2", *entries[place:]])
    new = [plan for plan in grown if before.get(plan.name) != plan.digest]
    assert 1 <= len(new) <= 12


ITEM = AudioItem("a", "a.wav", "1:2", phones=(TimedPhone("x", 0.0, 1.0),))


@pytest.mark.parametrize(
    "other",
    [
        replace(ITEM, item_id="b"),
        replace(ITEM, fingerprint="1:3"),
        replace(ITEM, text="ü"),
        replace(ITEM, phones=(TimedPhone("x", 0.0, 1.5),)),
    ],
)
def test_a_digest_covers_everything_about_an_item(other: AudioItem) -> None:
    digests = {plan.digest for item in (ITEM, other) for plan in cut([item], 1, {})}
    assert len(digests) == 2


def test_a_digest_covers_place_and_settings_and_nothing_else() -> None:
    first, second = cut([ITEM, ITEM], 1, {"rate": 1})
    assert first.digest != second.digest
    assert first.digest == next(cut([ITEM], 1, {"rate": 1})).digest
    assert first.digest != next(cut([ITEM], 1, {"rate": 2})).digest


def test_equal_values_have_equal_digests_however_they_are_put() -> None:
    @dataclass(frozen=True)
    class Settings:
        b: int = 1
        a: str = "x"

    assert digest_of(Settings()) == digest_of({"a": "x", "b": 1})
    assert digest_of([1, 2]) == digest_of((1, 2))
    assert digest_of(1) != digest_of("1")
    assert digest_of({"name": "\udcff"}) != digest_of({"name": "\udcfe"})


def test_the_digest_of_a_plan_is_the_same_for_ever() -> None:
    (plan,) = cut([ImageItem("a", "a.png", "1:2", record=3, label="cat")], 1, {"num_levels": 256})
    assert plan.digest == "8c688d813c352124f1c09e0b63246918d02590d2dbe2116ecbfab0cd6a52cb91"


def test_what_is_not_plain_is_refused() -> None:
    with pytest.raises(TypeError, match="plain values and dataclasses, got object"):
        digest_of(object())
    with pytest.raises(ValueError, match="at least 1, got 0"):
        next(cut([1], 0, None))
