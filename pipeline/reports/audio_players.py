"""Utterances to listen to and to look at: corpus and generated side by side, matched by what is said and how."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.audio.companding import decode_levels
from pipeline.reports.data_uri import data_uri, wav_uri
from pipeline.reports.departures import departures
from pipeline.reports.rows import Place, best_match, look, spread, with_levels
from pipeline.reports.spectrogram import LEFT, RIGHT, Waveform, spectrogram_png
from pipeline.reports.subjects import DatasetSubject
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions
from pipeline.speech.spans import SILENCE

MOST_SECONDS = 6.0
"""Of one item; what is longer is cut, and the page says so."""

NARROWEST_PHONE = 0.022
"""Share of the picture's width below which a phone's name would run into the next one's."""


@dataclass(frozen=True)
class PhoneMark:
    """A phone's name under the spectrogram, and where: per cent of the tile's width."""

    name: str
    left_percent: float


@dataclass(frozen=True)
class Player:
    """One utterance as the page shows it."""

    item_id: str
    duration_s: float
    note: str
    wav_uri: str
    spectrogram_uri: str
    spectrogram_alt: str
    phones: tuple[PhoneMark, ...]


@dataclass(frozen=True)
class PlayerPair:
    """A row of the page: what it is, the corpus's and the generated one; either may be missing."""

    title: str
    condition: tuple[str, ...]
    matched_by: str
    corpus: Player | None
    generated: Player | None


@dataclass(frozen=True)
class Picked:
    """The rows of a pair before their levels are read."""

    corpus: Place | None
    generated: Place | None


def player_pairs(corpus: DatasetSubject | None, generated: DatasetSubject | None, count: int) -> tuple[PlayerPair, ...]:
    """Up to `count` pairs; with one dataset alone, its items by themselves."""
    picked = pick(corpus, generated, count)
    corpus_levels = read(corpus, [pair.corpus for pair in picked])
    generated_levels = read(generated, [pair.generated for pair in picked])
    return tuple(
        PlayerPair(
            title=title_of(pair),
            condition=tuple(value for value in shown_place(pair).condition if value),
            matched_by=matched_by(pair),
            corpus=player(corpus, pair.corpus, corpus_levels, width_of(pair, corpus or generated)),
            generated=player(generated, pair.generated, generated_levels, width_of(pair, generated or corpus)),
        )
        for pair in picked
    )


def pick(corpus: DatasetSubject | None, generated: DatasetSubject | None, count: int) -> list[Picked]:
    """Generated items spread over conditions, each with the corpus item that is most alike."""
    others = look(corpus.dataset) if corpus else []
    if generated is None:
        return [Picked(place, None) for place in spread(others, count)]
    chosen = spread(look(generated.dataset), count)
    return [Picked(best_match(place, others), place) for place in chosen]


def read(subject: DatasetSubject | None, places: Sequence[Place | None]) -> dict[tuple[int, int], bytes]:
    """The levels of the places that are there."""
    return with_levels(subject.dataset, [place for place in places if place]) if subject else {}


def shown_place(pair: Picked) -> Place:
    """The row that gives the pair its name."""
    place = pair.generated or pair.corpus
    assert place is not None
    return place


def title_of(pair: Picked) -> str:
    """What is said, or the item's name."""
    place = shown_place(pair)
    matched = pair.corpus if pair.corpus and pair.corpus.words == place.words else None
    texts = [found.row.get("text") for found in (place, matched) if found]
    return str(next((text for text in texts if text), place.row["item_id"]))


def matched_by(pair: Picked) -> str:
    """What the two have in common, in words; empty where there is one alone."""
    if pair.corpus is None or pair.generated is None:
        return ""
    one, other = pair.generated, pair.corpus
    names = [
        name
        for name, a, b in zip(("speaker", "emotion", "language", "label"), one.condition, other.condition, strict=True)
        if a and a == b
    ]
    return ", ".join([*(["phones"] if one.words and one.words == other.words else []), *names])


def width_of(pair: Picked, subject: DatasetSubject | None) -> float:
    """The common length of the axes of time, in seconds."""
    assert subject is not None
    rate = sample_rate_hz(subject)
    longest = max(place.row["num_timesteps"] for place in (pair.corpus, pair.generated) if place)
    return float(min(MOST_SECONDS, max(1, longest) / rate))


def sample_rate_hz(subject: DatasetSubject) -> int:
    """Timesteps a second."""
    conventions = subject.dataset.info.conventions
    assert isinstance(conventions, AudioConventions)
    return conventions.sample_rate_hz


def player(
    subject: DatasetSubject | None, place: Place | None, levels: dict[tuple[int, int], bytes], width_s: float
) -> Player | None:
    """One row as sound and picture."""
    if subject is None or place is None:
        return None
    rate = sample_rate_hz(subject)
    waveform = waveform_of(subject, levels[place.shard, place.number])
    duration_s = len(waveform) / rate
    waveform = waveform[: round(MOST_SECONDS * rate)]
    return Player(
        item_id=place.row["item_id"],
        duration_s=duration_s,
        note=note_on(place, is_cut=duration_s > MOST_SECONDS),
        wav_uri=wav_uri(waveform, rate),
        spectrogram_uri=data_uri(spectrogram_png(waveform, rate, width_s), "image/png"),
        spectrogram_alt=f"Spectrogram of {place.row['item_id']}, {duration_s:.2f} s, up to {rate / 2000:g} kHz",
        phones=phone_marks(place, rate, width_s),
    )


def note_on(place: Place, *, is_cut: bool) -> str:
    """What is to be known of an item beside its name: that it is cut, that training had not seen it, how it departs."""
    is_held_out = place.row["split"] in ("validation", "test")
    where = f"first {MOST_SECONDS:g} s" if is_cut else "held out" if is_held_out else ""
    return ", ".join(filter(None, [where, departures([place])]))


def waveform_of(subject: DatasetSubject, levels: bytes) -> Waveform:
    """Levels to the waveform that they stand for."""
    conventions = subject.dataset.info.conventions
    assert isinstance(conventions, AudioConventions)
    return decode_levels(unpack_levels(levels, conventions.num_levels), conventions.num_levels, conventions.companding)


def phone_marks(place: Place, rate: int, width_s: float) -> tuple[PhoneMark, ...]:
    """Names of phones at their centres; pauses, and what is too narrow to be read, are left out."""
    marks = []
    phones, starts, ends = (place.row.get(name) or () for name in ("phone", "phone_start", "phone_end"))
    for phone, start, end in zip(phones, starts, ends, strict=True):
        if phone != SILENCE and (end - start) / rate > NARROWEST_PHONE * width_s and (start + end) / 2 / rate < width_s:
            centre = LEFT + (RIGHT - LEFT) * (start + end) / 2 / rate / width_s
            marks.append(PhoneMark(phone, round(100 * centre, 2)))
    return tuple(marks)
