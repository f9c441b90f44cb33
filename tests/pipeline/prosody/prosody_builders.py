"""Rows whose durations and pitch follow a rule, and a prosody made by hand."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.prosody.features import FeatureSpace
from pipeline.prosody.least_squares import Ridge
from pipeline.prosody.pauses import END, KINDS, PHRASE, START, Pauses
from pipeline.prosody.prosody import POINTS, Pitch, Prosody
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, AudioFeatures
from pipeline.speech.f0 import num_frames
from pipeline.speech.linguistic import linguistic_columns
from pipeline.speech.utterance import Phone, Utterance, Word
from tests.pipeline.training.datasets import write_dataset

RATE_HZ = 4000
CONVENTIONS = AudioConventions(RATE_HZ, num_levels=16, features=AudioFeatures("espeak", "hmm", "dio", 0.005))
SPEAKERS = ("ann", "bob")
SPACE = FeatureSpace(("a", "b", "s", "sil"), {"speaker": SPEAKERS})

LN_SECONDS = {"a": math.log(0.12), "b": math.log(0.06), "s": math.log(0.09), "sil": math.log(0.2)}
STRESSED, LAST_OF_PHRASE, OF_BOB = 0.25, 0.4, -0.3
"""What is added to ln seconds: in a stressed syllable, in a phrase's last one, for the second speaker."""

LN_HZ = {"ann": math.log(200), "bob": math.log(110)}
HIGHER_IN_B = 0.1
RISE = 0.05
"""What is added to ln Hz: in b, and from one point of a phone to the next."""


def random_utterance(rng: np.random.Generator) -> Utterance:
    """One to three phrases of one to four words of one or two syllables."""
    phrases = []
    for _ in range(rng.integers(1, 4)):
        words = [
            Word("w", tuple(random_syllable(rng) for _ in range(rng.integers(1, 3)))) for _ in range(rng.integers(1, 5))
        ]
        phrases.append(tuple(words))
    return Utterance(tuple(phrases))


def random_syllable(rng: np.random.Generator) -> tuple[Phone, ...]:
    stress = int(rng.integers(0, 2))
    return tuple(Phone(str(rng.choice(["a", "b", "s"])), stress) for _ in range(rng.integers(1, 4)))


def ruled_row(number: int, rng: np.random.Generator, noise: float = 0.0) -> dict[str, Any]:
    """An utterance as the rule has it, with a pause before each phrase and after the last."""
    utterance, speaker = random_utterance(rng), SPEAKERS[number % 2]
    places: list[int | None] = []
    for place, is_first in enumerate(begins_phrase(utterance)):
        places += [None, place] if is_first else [place]
    places.append(None)
    phones = ["sil" if place is None else utterance.phones[place].symbol for place in places]
    columns = linguistic_columns(utterance, places)
    ln_s = np.array([LN_SECONDS[phone] for phone in phones])
    spoken = np.array(phones) != "sil"
    ln_s += spoken * (STRESSED * (np.array(columns["stress"]) == 1) + OF_BOB * (speaker == "bob"))
    ln_s += spoken * LAST_OF_PHRASE * (np.array(columns["syllable_in_phrase_backward"]) == 1)
    ln_s += spoken * rng.normal(size=len(phones)) * noise
    ends = np.cumsum(np.maximum(np.rint(np.exp(ln_s) * RATE_HZ), 1)).astype(int).tolist()
    return {
        "item_id": f"item-{number:03d}",
        "split": "validation" if number % 5 == 0 else "train",
        "speaker": speaker,
        "levels": bytes(ends[-1]),
        "num_timesteps": ends[-1],
        "sample_rate_hz": RATE_HZ,
        "phone": phones,
        "phone_start": [0, *ends[:-1]],
        "phone_end": ends,
        "align_method": "hmm",
        **columns,
        **ruled_pitch(phones, ends, speaker),
    }


def begins_phrase(utterance: Utterance) -> list[bool]:
    """For each phone whether it is the first of its phrase."""
    return [number == 0 for phrase in utterance.phrases for number in range(sum(len(word.phones) for word in phrase))]


def ruled_pitch(phones: list[str], ends: list[int], speaker: str) -> dict[str, Any]:
    """log_f0 in straight lines through the middles of phones' thirds."""
    starts = np.array([0, *ends[:-1]])
    times_s = (starts[:, None] + (np.array(ends) - starts)[:, None] * np.array(POINTS)) / RATE_HZ
    values = np.array(
        [[LN_HZ[speaker] + HIGHER_IN_B * (phone == "b") + RISE * k for k in range(3)] for phone in phones]
    )
    grid_s = np.arange(num_frames(ends[-1], RATE_HZ, 0.005)) * 0.005
    which = np.minimum(np.searchsorted(ends, grid_s * RATE_HZ, side="right"), len(phones) - 1)
    return {
        "log_f0": np.interp(grid_s, times_s.ravel(), values.ravel()).astype(np.float32).tolist(),
        "voiced": [phones[place] in "ab" for place in which],
    }


def ruled_rows(num_items: int = 40, noise: float = 0.0) -> list[dict[str, Any]]:
    """Rows of two speakers, each fifth held out."""
    rng = np.random.default_rng(3)
    return [ruled_row(number, rng, noise) for number in range(num_items)]


def ruled_dataset(folder: Path, rows: list[dict[str, Any]], per_shard: int = 7) -> Dataset:
    """These rows as a dataset."""
    return write_dataset(folder, rows, CONVENTIONS, per_shard)


def flat_prosody(space: FeatureSpace, *, with_pitch: bool = False, pause_s: float = 0.03) -> Prosody:
    """Every phone lasts 20 ms, a phone of code 1 40 ms; pauses before, after and between phrases; 100 Hz throughout."""
    num = len(space.phones)
    weights = np.zeros((space.num_features, 1))
    weights[space.starts["phone"] + 1] = math.log(2)
    durations = Ridge(weights, np.array([math.log(0.02)]), np.zeros(1), 1.0)
    ridge = Ridge(np.zeros((space.num_features, 3)), np.full(3, math.log(100)), np.zeros(3), 1.0)
    shares = dict.fromkeys(KINDS, 0.0) | dict.fromkeys((START, END, PHRASE), 1.0 if pause_s else 0.0)
    pauses = Pauses(shares, dict.fromkeys(KINDS, pause_s))
    pitch = Pitch(ridge, math.log(50), math.log(300)) if with_pitch else None
    bounds = np.full(num, math.log(0.004)), np.full(num, math.log(0.2))
    return replace(Prosody(space, durations, *bounds, pauses, pitch), figures={"fitted_phones": 9})
