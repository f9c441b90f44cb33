import dataclasses
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from models.sampling import Departures
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import ShardCount, items_of, longest_first, shard_plans
from pipeline.generation.requests import Request
from pipeline.generation.timing import Phones


def request(name: str, count: int) -> Request:
    return Request(name, count, {"train": count}, 5, Departures(0.9), {"speaker": "ann"}, 10, Phones(), (), "", "{}")


def digests(config: GenerateConfig, model: str = "m") -> list[str]:
    return [plan.digest for plan in shard_plans([request("x", 3), request("y", 2)], model, config)]


def test_a_request_becomes_as_many_items_as_it_counts() -> None:
    items = list(items_of(request("x", 3)))
    assert [item.item_id for item in items] == ["x-0000", "x-0001", "x-0002"]
    assert {(item.seed, item.departures) for item in items} == {(5, Departures(0.9))}


def test_shards_are_consecutive_items() -> None:
    plans = list(shard_plans([request("x", 3), request("y", 2)], "m", GenerateConfig(items_per_shard=2)))
    ids = [[item.item_id for item in plan.entries] for plan in plans]
    assert ids == [["x-0000", "x-0001"], ["x-0002", "y-0000"], ["y-0001"]]


def test_the_digest_covers_what_changes_a_shard_and_nothing_else() -> None:
    config = GenerateConfig(items_per_shard=2)
    assert digests(dataclasses.replace(config, num_actors=7, max_timesteps=50)) == digests(config)
    for other in ({"num_lanes": 32}, {"export": "files"}, {"device": "cuda"}):
        assert not set(digests(dataclasses.replace(config, **other))) & set(digests(config))
    assert not set(digests(config, "other model")) & set(digests(config))


def test_a_count_without_end_is_a_stream() -> None:
    plans = shard_plans([request("x", 10**15)], "m", GenerateConfig())
    assert len(next(plans).entries) == GenerateConfig().items_per_shard


def test_splits_are_given_to_the_items_in_order() -> None:
    mixed = dataclasses.replace(request("x", 3), splits={"train": 2, "test": 1})
    assert [item.split for item in items_of(mixed)] == ["train", "train", "test"]


def spoken(name: str, count: int, num_timesteps: int) -> Request:
    return dataclasses.replace(request(name, count), num_timesteps=num_timesteps)


def test_a_shard_ends_once_it_is_long_enough_and_fills_the_lanes_to_the_last() -> None:
    config = GenerateConfig(num_lanes=8, levels_per_shard=450, items_per_shard=20)
    sizes = [len(plan.entries) for plan in shard_plans([spoken("a", 20, 50), spoken("b", 50, 1)], "m", config)]
    assert sizes == [16, 20, 20, 14], "nine items are long enough, two sets of lanes full; then the most items"


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 60)), min_size=1, max_size=8),
    st.integers(1, 30),
    st.integers(1, 500),
)
def test_shards_are_counted_without_going_through_items(
    wishes: list[tuple[int, int]], items_per_shard: int, levels_per_shard: int
) -> None:
    config = GenerateConfig(num_lanes=8, items_per_shard=items_per_shard, levels_per_shard=levels_per_shard)
    requests = [spoken(f"r{place}", count, length) for place, (count, length) in enumerate(wishes)]
    count = ShardCount(config)
    for one in requests:
        count.add(one)
    assert count.num_shards == len(list(shard_plans(requests, "m", config)))


def test_a_count_without_end_is_counted_at_once() -> None:
    count = ShardCount(GenerateConfig(items_per_shard=10**6, levels_per_shard=10**9))
    count.add(spoken("x", 10**12, 3))
    assert count.num_shards == 10**6


def test_a_count_without_end_of_small_shards_is_counted_at_once() -> None:
    count = ShardCount(GenerateConfig(num_lanes=8, items_per_shard=4))
    for one in [spoken("x", 3, 5), spoken("y", 4 * 10**15 + 2, 5), spoken("z", 3, 5)]:
        count.add(one)
    assert count.num_shards == 10**15 + 2


def test_the_longest_of_the_next_plans_comes_first() -> None:
    requests = [spoken(f"r{place}", 1, length) for place, length in enumerate([5, 9, 9, 1, 30])]
    plans = list(shard_plans(requests, "m", GenerateConfig(items_per_shard=1)))
    assert [plan.index for plan in longest_first(plans, 0)] == [4, 1, 2, 0, 3]
    assert [plan.index for plan in longest_first(plans, 0, window=2)] == [1, 2, 0, 4, 3]
    assert [plan.index for plan in longest_first(plans, 0, window=1)] == [0, 1, 2, 3, 4]


def test_what_is_accepted_belongs_to_the_digest() -> None:
    config = GenerateConfig(items_per_shard=2)
    strict = dataclasses.replace(config, accept=AcceptConfig(bits=(0, 3)))
    assert not set(digests(strict)) & set(digests(config))


def test_the_users_function_belongs_to_the_digest_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    config = GenerateConfig(accept=AcceptConfig(function=f"{file}:good"))
    file.write_text("good = bool")
    before = digests(config)
    file.write_text("good = any")
    assert not set(digests(config)) & set(before)
