"""The speech that an aligner is trained on, read once: some twenty passes go over features, not over audio files.

FOLDER/000000.npy    features of a shard's utterances one after the other, float32 [F, D]
FOLDER/000000.json   for each of them its number of frames, its chain, and the first guess of where slots end
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.audio.decode import Waveform
from pipeline.errors import ItemError
from pipeline.items import AudioItem, Item
from pipeline.speech.alignment.config import AlignmentConfig
from pipeline.speech.alignment.features import HOP_S, NUM_FEATURES, Features, features_of
from pipeline.speech.alignment.graph import Graph, graph_of
from pipeline.speech.alignment.start import Frames, ends_after_voice, even_ends, states_of
from pipeline.speech.alignment.training import TrainingUtterance
from pipeline.speech.alignment.voice import say_all, text_of
from pipeline.speech.espeak import Speech
from pipeline.speech.phones import timed_phones
from pipeline.speech.utterance import Utterance
from pipeline.storage import Location

TYPICAL_S = 5.0
TYPICAL_BYTES_PER_S = 32_000
"""16-bit PCM at 16 kHz: what an item's size says of its duration where nothing else does."""


@dataclass(frozen=True)
class Spoken:
    """A recording at its own rate, and what is said in it.

    `language` is the one that espeak-ng is to say the words in for a first guess; empty where it is not to be asked.
    """

    waveform: Waveform
    sample_rate_hz: int
    utterance: Utterance
    language: str


Reader = Callable[[AudioItem], Spoken]
"""Reads an item; ItemError where it cannot be used."""


@dataclass(frozen=True)
class CachedShard:
    """What a driver needs to know of a shard: how often each unit comes in it, and whether there is anything."""

    index: int
    num_utterances: int
    num_frames: int
    units: dict[str, int]


def training_shards(items: Callable[[], Iterable[Item]], config: AlignmentConfig) -> Iterator[tuple[AudioItem, ...]]:
    """The items to train on, in the corpus's order and cut into shards of about equal time.

    `items` is gone through twice: once to learn how much there is. Which are taken is a hash's choice, so that a corpus
    of ten million is as well mixed as a small one.
    """
    total_s = sum(guessed_s(item) for item in items() if isinstance(item, AudioItem))
    share = 60 * config.training_minutes / max(total_s, 1e-9)
    shard: list[AudioItem] = []
    seconds = 0.0
    for item in items():
        if isinstance(item, AudioItem) and is_chosen(item.item_id, share):
            shard.append(item)
            seconds += guessed_s(item)
        if seconds >= 60 * config.shard_minutes:
            yield tuple(shard)
            shard, seconds = [], 0.0
    if shard:
        yield tuple(shard)


def guessed_s(item: AudioItem) -> float:
    """How long an item lasts, from what is known of it ahead."""
    return item.duration_s or item.num_bytes / TYPICAL_BYTES_PER_S or TYPICAL_S


def is_chosen(item_id: str, share: float) -> bool:
    """Whether a hash of the id falls into the share; another hash than that of the splits, which it must not follow."""
    first = hashlib.sha256(b"aligner:" + item_id.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(first, "big") < share * 2**64


def cache_shard(
    folder: Location, index: int, items: Sequence[AudioItem], read: Reader, config: AlignmentConfig
) -> CachedShard:
    """Read a shard's items, guess where their sounds lie, and write both; items that cannot be used are passed over."""
    kept = [heard for item in items if (heard := hear(item, read, config)) is not None]
    voices = voices_of(kept) if config.start == "voice" else [None] * len(kept)
    utterances = [page_of(heard, first_guess(heard, voice)) for heard, voice in zip(kept, voices, strict=True)]
    features = np.concatenate([np.zeros((0, NUM_FEATURES), np.float32), *(h.features for h in kept)])
    sink = io.BytesIO()
    np.save(sink, features, allow_pickle=False)
    (folder / f"{index:06d}.npy").write_bytes(sink.getvalue())
    (folder / f"{index:06d}.json").write_text(json.dumps(utterances, ensure_ascii=False))
    units = Counter(unit for h in kept for unit in h.graph.units)
    return CachedShard(index, len(kept), len(features), dict(units))


@dataclass(frozen=True)
class Heard:
    """What is kept of an item while its shard is cached."""

    features: Features
    graph: Graph
    utterance: Utterance
    language: str


def hear(item: AudioItem, read: Reader, config: AlignmentConfig) -> Heard | None:
    """An item's features and chain; None where it cannot be read, or its text not be said in its time."""
    try:
        spoken = read(item)
        duration_s = len(spoken.waveform) / spoken.sample_rate_hz
        graph = graph_of(spoken.utterance)
        if not config.shortest_s <= duration_s <= config.longest_s or graph.fewest_frames > duration_s / HOP_S:
            return None
    except ItemError:
        return None  # its row says why, when it is prepared
    features = features_of(spoken.waveform, spoken.sample_rate_hz)
    return Heard(features, graph, spoken.utterance, spoken.language)


def voices_of(kept: Sequence[Heard]) -> list[Speech | None]:
    """What espeak-ng makes of each text, None where it is not asked."""
    voices = iter(say_all([(text_of(heard.utterance), heard.language) for heard in kept if heard.language]))
    return [next(voices) if heard.language else None for heard in kept]


def page_of(heard: Heard, ends: Frames) -> dict[str, Any]:
    """What JSON keeps of an utterance."""
    graph = heard.graph
    return {"frames": len(heard.features), "units": graph.units, "places": graph.places, "ends": ends.tolist()}


def first_guess(heard: Heard, voice: Speech | None) -> Frames:
    """Where slots end."""
    if voice is None:
        return even_ends(heard.graph, heard.features)
    waveform = voice.timesteps.astype(np.float32) / np.float32(32768)
    said = features_of(waveform, voice.sample_rate_hz)
    return ends_after_voice(heard.graph, heard.features, said, timed_phones(voice))


def cached_utterances(folder: Location, index: int) -> Iterator[TrainingUtterance]:
    """What `cache_shard` wrote, one by one."""
    features = np.load(io.BytesIO((folder / f"{index:06d}.npy").read_bytes()), allow_pickle=False)
    utterances: list[dict[str, Any]] = json.loads((folder / f"{index:06d}.json").read_text())
    start = 0
    for page in utterances:
        end = start + page["frames"]
        graph = Graph(tuple(page["units"]), tuple(page["places"]))
        yield TrainingUtterance(features[start:end], graph, states_of(np.array(page["ends"], np.intp)))
        start = end


def frequent_units(shards: Iterable[CachedShard], fewest: int) -> list[str]:
    """The units that come often enough to be learnt, sorted."""
    total = Counter[str]()
    for shard in shards:
        total.update(shard.units)
    return sorted(unit for unit, count in total.items() if count >= fewest)
