"""One utterance to one row: decode, mono, resample, trim, normalise, compand; phones on the same timesteps."""

from typing import Any

from pipeline.audio.companding import encode_fast
from pipeline.audio.decode import Waveform, decode
from pipeline.audio.loudness import normalise_peak, sounding_span
from pipeline.audio.resample import resample
from pipeline.errors import ItemError
from pipeline.items import AudioItem
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig
from pipeline.preparation.phones import Spans, check_against_audio, corpus_spans, uniform_spans
from pipeline.preparation.reading import failures_of, local_or_bytes
from pipeline.preparation.splits import split_of
from pipeline.shards.schema import AudioConventions
from pipeline.speech.spans import SILENCE

TEXT_COLUMNS = ("source", "speaker", "emotion", "language", "label", "text", "text_normalised", "licence")


def audio_row(item: AudioItem, config: PrepareConfig, conventions: AudioConventions) -> dict[str, Any]:
    """A row of `shards/schema.py`; what the corpus does not say is null."""
    with failures_of(item.source):
        recording = decode(local_or_bytes(item.source), config.audio.max_duration_s)
    check_against_audio(item.phones, recording.duration_s)
    rate_hz = conventions.sample_rate_hz
    waveform = resample(recording.waveform, recording.sample_rate_hz, rate_hz)
    waveform, offset = trim(waveform, rate_hz, config.audio)
    if config.audio.peak == "normalise":
        waveform = normalise_peak(waveform, config.audio.peak_dbfs)
    levels = encode_fast(waveform, conventions.num_levels, conventions.companding)
    return {
        "item_id": item.item_id,
        "split": split_of(item.item_id, item.split, config.split.held_out_share),
        **{column: getattr(item, column) or None for column in TEXT_COLUMNS},
        "levels": levels.tobytes(),
        "num_timesteps": len(levels),
        "sample_rate_hz": rate_hz,
        **phone_columns(item, config.speech, rate_hz, offset, len(levels)),
    }


def trim(waveform: Waveform, rate_hz: int, config: AudioConfig) -> tuple[Waveform, int]:
    """What sounds of a waveform, and how many timesteps were taken from its start."""
    start, end = 0, len(waveform)
    if config.trim == "silence":
        start, end = sounding_span(waveform, rate_hz, config.trim_threshold_db, config.trim_margin_s)
    if end <= start:
        reason = "nothing but silence" if len(waveform) else f"shorter than one timestep at {rate_hz} Hz"
        raise ItemError("trim" if len(waveform) else "resample", reason)
    return waveform[start:end], start


def phone_columns(
    item: AudioItem, config: SpeechConfig, rate_hz: int, offset: int, num_timesteps: int
) -> dict[str, Any]:
    """The phone columns from the first source that the config allows and the item has; none at all otherwise."""
    if item.phones and config.phones in ("auto", "corpus"):
        return columns(corpus_spans(item.phones, rate_hz, offset, num_timesteps), "corpus")
    text = item.text_normalised or item.text
    if text and config.phones in ("auto", "espeak"):
        phones = espeak_phones(text, item.language or config.language)
        return columns(uniform_spans(phones or [SILENCE], num_timesteps), "uniform")
    return {}


def espeak_phones(text: str, language: str) -> list[str]:
    """Phones from text. MissingExtra where espeak is not installed."""
    from pipeline.speech.phones import phones_of_text  # only here is the optional dependency needed

    return phones_of_text(text, language)


def columns(spans: Spans, method: str) -> dict[str, Any]:
    """Spans as columns."""
    return {
        "phone": list(spans.phone),
        "phone_start": list(spans.start),
        "phone_end": list(spans.end),
        "align_method": method,
    }
