import dataclasses

from models.sampling import Departures
from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import items_of, shard_plans
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
