"""One recording to its rows: decode, mono, resample, level, cut or trim, compand; what is said in `speech_columns.py`.

A row is an utterance. A recording is one, unless long recordings are to be cut at their silences: then each piece is.
"""

import re
from collections import Counter
from typing import Any

import numpy as np

from pipeline.audio.bs1770 import normalise_loudness
from pipeline.audio.companding import encode_fast
from pipeline.audio.decode import Waveform
from pipeline.audio.loudness import normalise_peak, sounding_span
from pipeline.audio.resample import resample
from pipeline.audio.splitting import pieces
from pipeline.errors import ItemError
from pipeline.items import AudioItem
from pipeline.preparation.config import AudioConfig, PrepareConfig
from pipeline.preparation.media import audio_file
from pipeline.preparation.reading import recording_of
from pipeline.preparation.said import Said, said_in
from pipeline.preparation.speech_columns import Voice, speech_columns
from pipeline.preparation.splits import split_of
from pipeline.shards.levels import pack_levels
from pipeline.shards.schema import AudioConventions
from pipeline.speech.alignment.acoustic_model import AcousticModel

Row = dict[str, Any]

Stretch = tuple[int, int]
"""Timesteps [start, end)."""

PIECE_ID = re.compile(r"#[0-9]{4,}\Z")
"""How the ids of pieces end."""

MOST_BEYOND = 0.001
"""Of a waveform's timesteps; fewer are the overshoot of a resampled recording that was loud, and are not heard."""

TEXT_COLUMNS = ("source", "speaker", "emotion", "language", "label", "licence")


def audio_rows(
    item: AudioItem,
    config: PrepareConfig,
    conventions: AudioConventions,
    notes: Counter[str],
    aligner: AcousticModel | None = None,
) -> list[Row]:
    """Rows of `shards/schema.py`; what the corpus does not say is null. ItemError says what is wrong with the item."""
    recording = recording_of(item, config.audio)
    said = said_in(item, recording, config.speech)
    rate_hz = conventions.sample_rate_hz
    waveform = levelled(resample(recording.waveform, recording.sample_rate_hz, rate_hz), rate_hz, config.audio)
    note_overload(waveform, notes)
    stretches = stretches_of(waveform, rate_hz, config.audio)
    parts = parts_of(said, stretches, rate_hz, notes)
    voice = Voice(config.speech, conventions, aligner, item.language or config.speech.language, notes)
    same = {
        "split": split_of(item, config.split, said.text_normalised or said.text),
        "sample_rate_hz": rate_hz,
        **{column: getattr(item, column) or None for column in TEXT_COLUMNS},
    }
    return [
        {
            **same,
            "item_id": row_id(item.item_id, number, len(stretches), config.audio),
            "source_start_s": item.start_s + stretch[0] / rate_hz,
            **columns_of(waveform, stretch, part, voice),
        }
        for number, (stretch, part) in enumerate(zip(stretches, parts, strict=True))
    ]


def note_overload(waveform: Waveform, notes: Counter[str]) -> None:
    """Levels end at full scale, files of floats do not: say so where more is cut off than a peak here and there."""
    is_beyond = waveform.size and max(waveform.max(), -waveform.min()) > 1  # far cheaper than counting, and mostly no
    if is_beyond and np.count_nonzero(np.abs(waveform) > 1) > MOST_BEYOND * waveform.size:
        notes["recordings beyond full scale, cut off there: audio.level=peak or loudness keeps them whole"] += 1


def parts_of(said: Said, stretches: list[Stretch], rate_hz: int, notes: Counter[str]) -> list[Said]:
    """What is said in each stretch; `notes` counts words in none. ItemError where no time tells what falls where."""
    if len(stretches) == 1:
        return [said]
    said.require_times()
    parts = [said.within(stretch, rate_hz) for stretch in stretches]
    if num_lost := len(said.words) - sum(len(part.words) for part in parts):
        notes["words that lie in a silence which was cut out: in no row"] += num_lost
    return parts


def row_id(item_id: str, number: int, num_rows: int, config: AudioConfig) -> str:
    """The item's id, with a number where it is cut, or would be taken for a piece of another item."""
    is_plain = num_rows == 1 and (config.cut == "off" or not PIECE_ID.search(item_id))
    return item_id if is_plain else f"{item_id}#{number:04d}"


def columns_of(waveform: Waveform, stretch: Stretch, said: Said, voice: Voice) -> Row:
    """What a stretch of the recording sounds like, and what is said in it."""
    start, end = stretch
    piece, conventions = waveform[start:end], voice.conventions
    levels = encode_fast(piece, conventions.num_levels, conventions.companding)
    return {
        "text": said.text or None,
        "text_normalised": said.text_normalised or None,
        "levels": pack_levels(levels, conventions.num_levels),
        "num_timesteps": len(levels),
        **speech_columns(piece, start, said, voice),
        **audio_file(piece, conventions),
    }


def levelled(waveform: Waveform, rate_hz: int, config: AudioConfig) -> Waveform:
    """Brought to the loudness or the peak that is asked for."""
    if config.level == "loudness":
        return normalise_loudness(waveform, rate_hz, config.loudness_lufs, config.peak_dbfs)
    return normalise_peak(waveform, config.peak_dbfs) if config.level == "peak" else waveform


def stretches_of(waveform: Waveform, rate_hz: int, config: AudioConfig) -> list[Stretch]:
    """The utterances of a recording; one of at least one timestep."""
    if not len(waveform):
        raise ItemError("resample", f"shorter than one timestep at {rate_hz} Hz")
    if config.cut == "silence":
        found = pieces(waveform, rate_hz, config.cutting)
    elif config.trim == "silence":
        found = [sounding_span(waveform, rate_hz, config.trim_threshold_db, config.trim_margin_s)]
    else:
        found = [(0, len(waveform))]
    if not any(end > start for start, end in found):
        raise ItemError("trim", "nothing but silence")
    return found
