"""Spoken phrases by espeak-ng: four voices, two speaking styles, and the exact time of every phone.

FOLDER/manifest.jsonl   one utterance a line, as `corpora/jsonl_manifest.py` reads it; written last
FOLDER/wavs/*.wav       mono, 16 bits

A phrase is a colour and a digit, as in "blue seven". Whole phrases are held out, in every voice and style, and each of
their words is heard in other phrases: what a model says of the held-out ones it puts together by itself.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile

from pipeline.audio.resample import resample
from pipeline.demo_corpus.made import is_made, mark_made
from pipeline.speech.espeak import Speech, Voice, fresh_process, speak
from pipeline.speech.phones import timed_phones
from pipeline.storage import Location

COLOURS = ("red", "blue", "green", "white")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

SPEAKERS = {"high-1": "f2", "high-2": "f4", "low-1": "m3", "low-2": "m7"}
"""Speaker → voice variant: two higher and two lower voices, each distinct to the ear."""

STYLES = {
    "calm": {"rate_words_per_minute": 150, "pitch": 35, "pitch_range": 25},
    "excited": {"rate_words_per_minute": 205, "pitch": 70, "pitch_range": 90},
}
"""Emotion → how it is said: slower, lower and flatter, or faster, higher and livelier."""

LANGUAGE = "en-us"
LICENCE = "synthetic: made by espeak-ng, free of any recording"


@dataclass(frozen=True)
class SpeechCorpusConfig:
    """How much to make. The defaults give 320 utterances, about four minutes, in a few seconds."""

    num_colours: int = len(COLOURS)
    num_digits: int = len(DIGITS)
    sample_rate_hz: int = 16000  # what most corpora have; espeak-ng itself speaks at 22,050


@dataclass(frozen=True)
class Phrase:
    """A text and the split that it belongs to, whoever says it."""

    text: str
    split: str


def make_speech_corpus(folder: Location, config: SpeechCorpusConfig | None = None) -> int:
    """Make the corpus, or find it made already; returns the number of utterances.

    Equal configs give equal bytes: all is said in one fresh process, always in the same order, because espeak-ng's
    sound depends on what it said before.
    """
    config = config or SpeechCorpusConfig()
    if (num_utterances := is_made(folder, config)) is not None:
        return num_utterances
    with fresh_process() as process:
        lines = process.submit(render, folder, config).result()
    manifest = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(manifest)
    mark_made(folder, config, len(lines))
    return len(lines)


def render(folder: Location, config: SpeechCorpusConfig) -> list[dict[str, Any]]:
    """Say and write every utterance; returns the lines of the manifest."""
    return [
        write_utterance(folder, speaker, emotion, phrase, config)
        for speaker in SPEAKERS
        for emotion in STYLES
        for phrase in phrases(config)
    ]


def phrases(config: SpeechCorpusConfig) -> Iterator[Phrase]:
    """Every colour with every digit; one digit of each colour is for validation and one for the test."""
    for c, colour in enumerate(COLOURS[: config.num_colours]):
        for d, digit in enumerate(DIGITS[: config.num_digits]):
            # 3 is coprime to 10: the digits left out wander, so none is missing from the training phrases.
            split = {0: "test", 5: "validation"}.get((d + 3 * c) % 10, "train")
            yield Phrase(f"{colour} {digit}", split)


def write_utterance(
    folder: Location, speaker: str, emotion: str, phrase: Phrase, config: SpeechCorpusConfig
) -> dict[str, Any]:
    """One utterance to its file; returns its line of the manifest."""
    speech = speak(phrase.text, Voice(LANGUAGE, SPEAKERS[speaker], **STYLES[emotion]))
    item_id = f"{speaker}-{emotion}-{phrase.text.replace(' ', '-')}"
    path = f"wavs/{item_id}.wav"
    (folder / path).write_bytes(wav_bytes(speech, config.sample_rate_hz))
    return {
        "audio_filepath": path,
        "item_id": item_id,
        "text": phrase.text,
        "speaker": speaker,
        "emotion": emotion,
        "language": LANGUAGE,
        "split": phrase.split,
        "licence": LICENCE,
        "phones": [[timed.phone, timed.start_s, timed.end_s] for timed in timed_phones(speech)],
    }


def wav_bytes(speech: Speech, sample_rate_hz: int) -> bytes:
    """Speech as a 16-bit WAV file at another rate."""
    waveform = speech.timesteps.astype(np.float32) / np.float32(32768)
    sink = io.BytesIO()
    resampled = resample(waveform, speech.sample_rate_hz, sample_rate_hz)
    soundfile.write(sink, resampled, sample_rate_hz, format="WAV", subtype="PCM_16")
    return sink.getvalue()
