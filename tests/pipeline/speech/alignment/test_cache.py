from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ItemError
from pipeline.items import AudioItem, BadItem, ImageItem, Item
from pipeline.speech.alignment.cache import (
    CachedShard,
    Spoken,
    cache_shard,
    cached_utterances,
    frequent_units,
    guessed_s,
    is_chosen,
    training_shards,
)
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.features import NUM_FEATURES, features_of
from pipeline.storage import Location, locate
from tests.alignment_builders import utterance

EVEN = AlignmentConfig(start="even")


def read(item: AudioItem) -> Spoken:
    """Noise of a length that the item's id gives, in tenths of a second; a bad id cannot be read."""
    if not item.item_id.isdigit():
        raise ItemError("decode", "not audio")
    rng = np.random.default_rng(int(item.item_id))
    wave = rng.standard_normal(int(item.item_id) * 1600).astype(np.float32) * 0.1
    return Spoken(wave, 16_000, utterance("k æ t|s iː"), "en-us")


def items(*ids: str) -> tuple[AudioItem, ...]:
    return tuple(AudioItem(item_id, f"/{item_id}.wav") for item_id in ids)


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return locate(str(tmp_path))


def test_what_was_cached_comes_back(folder: Location) -> None:
    shard = cache_shard(folder, 3, items("10", "7", "25"), read, EVEN)
    assert shard.index == 3
    assert shard.num_utterances == 3
    assert shard.units == {"sil": 9, "k": 3, "æ": 3, "t": 3, "s": 3, "iː": 3}
    utterances = list(cached_utterances(folder, 3))
    assert [len(one.features) for one in utterances] == [100, 70, 250]
    assert shard.num_frames == 420
    for one, item in zip(utterances, items("10", "7", "25"), strict=True):
        np.testing.assert_array_equal(one.features, features_of(read(item).waveform, 16_000))
        assert one.graph.units[1:4] == ("k", "æ", "t")
        assert len(one.start) == len(one.features)


def test_items_that_cannot_be_used_are_passed_over(folder: Location) -> None:
    """Unreadable, shorter than their text takes, longer than is trained on."""
    shard = cache_shard(folder, 0, items("broken", "1", "400", "12"), read, EVEN)
    assert shard.num_utterances == 1
    assert [len(one.features) for one in cached_utterances(folder, 0)] == [120]


def test_a_shard_of_nothing_is_a_shard(folder: Location) -> None:
    assert cache_shard(folder, 0, items("broken"), read, EVEN) == CachedShard(0, 0, 0, {})
    assert list(cached_utterances(folder, 0)) == []


def test_features_lie_as_plain_arrays(folder: Location) -> None:
    cache_shard(folder, 0, items("10"), read, EVEN)
    place = (folder / "000000.npy").local_path
    assert place is not None
    assert np.load(place, allow_pickle=False).shape == (100, NUM_FEATURES)


def corpus(num_items: int, duration_s: float = 6.0) -> Iterator[Item]:
    yield BadItem("x", "y", "z")
    yield ImageItem("i", "/i.png")
    for number in range(num_items):
        yield AudioItem(f"item-{number}", f"/{number}.wav", duration_s=duration_s)


def ids(shards: Iterable[tuple[AudioItem, ...]]) -> list[str]:
    return [item.item_id for shard in shards for item in shard]


def test_a_small_corpus_is_trained_on_whole_in_its_order() -> None:
    shards = list(training_shards(lambda: corpus(100), AlignmentConfig(shard_minutes=4)))
    assert ids(shards) == [f"item-{number}" for number in range(100)]
    assert [len(shard) for shard in shards] == [40, 40, 20]


def test_of_a_large_corpus_a_hash_takes_as_much_as_is_wanted() -> None:
    config = AlignmentConfig(training_minutes=10)
    chosen = ids(training_shards(lambda: corpus(5000), config))
    assert 70 <= len(chosen) <= 130
    assert chosen == ids(training_shards(lambda: corpus(5000), config))
    more = ids(training_shards(lambda: corpus(5000), AlignmentConfig(training_minutes=20)))
    assert set(chosen) < set(more)


def test_the_choice_says_nothing_of_the_split() -> None:
    """Splits go by the hash of the id itself; what is held out must be heard as often as the rest."""
    chosen = [f"{number}" for number in range(4000) if is_chosen(f"{number}", 0.1)]
    assert 300 < len(chosen) < 500
    assert 10 < sum(sha256(item_id.encode()).digest()[0] < 26 for item_id in chosen) < 80


def test_durations_are_guessed_by_what_is_known() -> None:
    assert guessed_s(AudioItem("a", "/a", duration_s=3.0, num_bytes=10)) == 3.0
    assert guessed_s(AudioItem("a", "/a", num_bytes=64_000)) == 2.0
    assert guessed_s(AudioItem("a", "/a")) == 5.0


def test_units_that_come_often_enough_over_all_shards_are_learnt() -> None:
    shards = [CachedShard(0, 1, 9, {"a": 2, "b": 1}), CachedShard(1, 1, 9, {"a": 1, "c": 2})]
    assert frequent_units(shards, 3) == ["a"]
    assert frequent_units(shards, 2) == ["a", "c"]


def test_espeak_is_asked_for_no_voice_where_it_is_not_to_be(folder: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of a lexicon are trained on where espeak-ng is not installed."""
    asked: list[tuple[str, str]] = []

    def say_none(wanted: list[tuple[str, str]]) -> list[None]:
        asked.extend(wanted)
        return [None] * len(wanted)

    monkeypatch.setattr("pipeline.speech.alignment.cache.say_all", say_none)

    def read_silently(item: AudioItem) -> Spoken:
        return replace(read(item), language="" if item.item_id != "10" else "en-us")

    shard = cache_shard(folder, 0, items("7", "10", "12"), read_silently, AlignmentConfig(start="voice"))
    assert shard.num_utterances == 3
    assert asked == [("kæt siː.", "en-us")]
