"""The columns of a row that say what is said in it and when: phones, stress, words, positions, alignment, F0."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pipeline.audio.decode import Waveform
from pipeline.preparation.config import SpeechConfig
from pipeline.preparation.phones import Spans, corpus_spans, timestep_at, uniform_spans
from pipeline.preparation.said import Said, symbols_of
from pipeline.shards.schema import POSITIONS, AudioConventions
from pipeline.speech.alignment.acoustic_model import AcousticModel
from pipeline.speech.alignment.align import align
from pipeline.speech.alignment.gate import suspicion
from pipeline.speech.f0 import log_f0
from pipeline.speech.linguistic import linguistic_columns
from pipeline.speech.pronounce import pronounce
from pipeline.speech.spans import SILENCE
from pipeline.speech.timed_utterance import utterance_of_times
from pipeline.speech.utterance import Utterance

Columns = dict[str, Any]

WORD_COLUMNS = ("word", "word_index", "phrase_index", *POSITIONS)


@dataclass(frozen=True)
class Voice:
    """What the rows of one item are made by. `notes` counts what is worth knowing of them."""

    config: SpeechConfig
    conventions: AudioConventions
    aligner: AcousticModel | None
    language: str
    notes: Counter[str]


def speech_columns(piece: Waveform, start: int, said: Said, voice: Voice) -> Columns:
    """The columns of a piece that begins at timestep `start` of its recording; none where nothing is said of it."""
    return {**phone_columns(piece, start, said, voice), **f0_columns(piece, voice)}


def phone_columns(piece: Waveform, start: int, said: Said, voice: Voice) -> Columns:
    """The phones from the first source that the config allows and the item has; nothing otherwise."""
    if said.phones and voice.config.phones in ("auto", "corpus"):
        return corpus_columns(said, start, len(piece), voice)
    if said.text and not said.text_normalised and voice.config.phones != "off":
        voice.notes["texts in which nothing can be said: their rows have no phones"] += 1
    if said.text_normalised and voice.config.phones in ("auto", "text"):
        utterance = pronounce(said.text_normalised, voice.language, voice.config.pronunciation)
        return aligned_columns(piece, utterance, voice)
    return {}


def corpus_columns(said: Said, start: int, num_timesteps: int, voice: Voice) -> Columns:
    """Phones and times as the corpus has them."""
    utterance, places = utterance_of_times(said.phones, said.words, voice.language)
    symbols = [phone.symbol for phone in utterance.phones]
    named = symbols_of(said.phones, places, symbols)
    spans = corpus_spans(named, places, voice.conventions.sample_rate_hz, start, num_timesteps)
    found = columns(utterance, spans, "corpus")
    return found if said.words else without_words(found)


def without_words(found: Columns) -> Columns:
    """Columns of a corpus that times phones and names no words: what only words could tell is null, and not guessed."""
    unknown = {*WORD_COLUMNS, *(() if any(found["stress"]) else ("stress",))}
    return {name: values for name, values in found.items() if name not in unknown}


def aligned_columns(piece: Waveform, utterance: Utterance, voice: Voice) -> Columns:
    """Phones from the text, laid over the audio by the aligner; spread evenly where there is none."""
    rate_hz = voice.conventions.sample_rate_hz
    symbols = [phone.symbol for phone in utterance.phones]
    if voice.aligner is None:
        if voice.config.alignment == "hmm":
            voice.notes["phones spread evenly, as no aligner was trained: see the column align_method"] += 1
        return columns(utterance, uniform_spans(symbols, len(piece)), "uniform")
    alignment = align(voice.aligner, piece, rate_hz, utterance)
    duration_s = len(piece) / rate_hz
    suspect = suspicion(alignment, utterance, voice.aligner, duration_s, voice.config.aligner.gate)
    if suspect:
        voice.notes["alignments to be doubted: see the column align_suspect"] += 1
    spans = Spans.between(
        (SILENCE if span.place is None else symbols[span.place], span.place, end)
        for span in alignment.spans
        for end in [timestep_at(span.end_s, rate_hz, 0, len(piece))]
    )
    found = columns(utterance, spans, "hmm")
    return {**found, "align_score": alignment.score, "align_suspect": suspect or None}


def columns(utterance: Utterance, spans: Spans, method: str) -> Columns:
    """An utterance over timesteps as columns."""
    return {
        "phone": list(spans.phone),
        "phone_start": list(spans.start),
        "phone_end": list(spans.end),
        **linguistic_columns(utterance, spans.place),
        "align_method": method,
    }


def f0_columns(piece: Waveform, voice: Voice) -> Columns:
    """Log F0 and voicing, where asked for."""
    if voice.config.f0 == "off":
        return {}
    features = voice.conventions.features
    values, voiced = log_f0(piece, voice.conventions.sample_rate_hz, voice.config.f0, features.frame_period_s)
    return {"log_f0": values, "voiced": voiced}
