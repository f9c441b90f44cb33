"""How much work an item is, predicted from what a listing says of it: shards are cut to equal work, not equal counts.

A prediction shares work out, it promises nothing: an item that takes ten times as long makes its shard late, not wrong.
"""

from pipeline.items import AudioItem, BadItem, Item
from pipeline.preparation.config import PrepareConfig

BYTES_PER_S = {
    "wav": 88_200,
    "aif": 88_200,
    "aiff": 88_200,
    "flac": 50_000,
    "ogg": 12_000,
    "opus": 6_000,
    "mp3": 16_000,
}
"""Of recordings at 44.1 kHz, 16 bits, mono, and of what the others are usually compressed to."""

UNKNOWN_S = 5.0
"""The length of an utterance of which nothing is said: between LJ Speech's 6.6 s and Common Voice's 5."""

ITEM_S = 0.002
"""Opening a file and writing a row, whatever its length."""

DECODING_TIMES, ALIGNING_TIMES, F0_TIMES = 800.0, 150.0, 100.0
"""Seconds of audio that a second of work covers, rounded down from what `benchmarks/` and `align compare` print."""

IMAGE_BYTES_PER_S = 20e6


def share_of(item: Item, config: PrepareConfig) -> float:
    """How much of a shard an item fills: of its work, of its bytes or of its number, whichever is most."""
    shards = config.shards
    least = 1 / shards.items_per_shard
    if isinstance(item, BadItem):
        return least
    if not isinstance(item, AudioItem):
        return max(least, (ITEM_S + item.num_bytes / IMAGE_BYTES_PER_S) / shards.seconds_of_work)
    duration_s = duration_of(item)
    num_bytes = duration_s * config.audio.sample_rate_hz
    return max(least, work_of(duration_s, config) / shards.seconds_of_work, num_bytes / shards.levels_per_shard)


def work_of(duration_s: float, config: PrepareConfig) -> float:
    """Seconds of work for so much audio."""
    seconds = ITEM_S + duration_s / DECODING_TIMES
    if config.speech.alignment == "hmm" and config.speech.phones != "off":
        seconds += duration_s / ALIGNING_TIMES
    if config.speech.f0 != "off":
        seconds += duration_s / F0_TIMES
    return seconds


def duration_of(item: AudioItem) -> float:
    """How long an item is: as the corpus says, or by its bytes, or a guess."""
    if item.end_s is not None:
        return max(item.end_s - item.start_s, 0.0)
    if item.duration_s > 0:
        return item.duration_s
    ending = item.source.rpartition(".")[2].lower()
    return item.num_bytes / BYTES_PER_S.get(ending, 40_000) if item.num_bytes else UNKNOWN_S
