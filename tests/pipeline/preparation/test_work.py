"""How much of a shard an item is said to fill."""

import math
from dataclasses import replace

import pytest

from pipeline.items import AudioItem, BadItem, ImageItem
from pipeline.preparation.config import PrepareConfig, ShardConfig, SpeechConfig
from pipeline.preparation.work import UNKNOWN_S, duration_of, share_of, work_of

CONFIG = PrepareConfig(shards=ShardConfig(items_per_shard=100, seconds_of_work=10.0, levels_per_shard=16_000 * 3600))


@pytest.mark.parametrize(
    ("item", "duration_s"),
    [
        (AudioItem("a", "a.wav", duration_s=3.0, num_bytes=882_000), 3.0),
        (AudioItem("a", "a.wav", start_s=2.0, end_s=4.5, duration_s=600.0), 2.5),
        (AudioItem("a", "a.WAV", num_bytes=882_000), 10.0),
        (AudioItem("a", "a.opus", num_bytes=60_000), 10.0),
        (AudioItem("a", "a.sph", num_bytes=40_000), 1.0),
        (AudioItem("a", "a.wav"), UNKNOWN_S),
        (AudioItem("a", "a.wav", start_s=5.0, end_s=2.0), 0.0),
    ],
)
def test_what_is_known_of_an_item_says_how_long_it_is(item: AudioItem, duration_s: float) -> None:
    assert duration_of(item) == pytest.approx(duration_s)


def test_a_shard_is_full_by_whatever_is_most() -> None:
    short, hour = AudioItem("a", "a.wav", duration_s=0.01), AudioItem("a", "a.wav", duration_s=3600.0)
    assert share_of(short, CONFIG) == share_of(BadItem("a", "a", "bad"), CONFIG) == 1 / 100
    assert share_of(hour, CONFIG) == pytest.approx(work_of(3600.0, CONFIG) / 10.0)
    fast = replace(CONFIG, speech=SpeechConfig(phones="off"), shards=replace(CONFIG.shards, seconds_of_work=1000.0))
    assert share_of(hour, fast) == pytest.approx(1.0)
    assert share_of(ImageItem("a", "a.png"), CONFIG) == 1 / 100
    assert share_of(ImageItem("a", "a.png", num_bytes=200_000_000), CONFIG) == pytest.approx(1.0, rel=0.01)


def test_what_is_asked_for_beside_the_levels_is_work_too() -> None:
    plain = work_of(100.0, PrepareConfig(speech=SpeechConfig(phones="off")))
    aligned = work_of(100.0, PrepareConfig(speech=SpeechConfig()))
    pitched = work_of(100.0, PrepareConfig(speech=SpeechConfig(f0="dio")))
    assert plain < aligned < pitched


def test_a_duration_that_is_none_does_not_end_planning() -> None:
    assert share_of(AudioItem("a", "a.wav", end_s=math.nan), CONFIG) == 1 / 100
    assert share_of(AudioItem("a", "a.wav", duration_s=math.inf), CONFIG) == math.inf
