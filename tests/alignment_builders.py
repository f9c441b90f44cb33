"""Speech for tests of the aligner: a corpus that espeak-ng says, with exact times, and utterances that are drawn."""

import ctypes
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.demo_corpus.speech import wav_bytes
from pipeline.speech.alignment.graph import STATES, Graph, graph_of
from pipeline.speech.alignment.training import TrainingUtterance
from pipeline.speech.alignment.voice import say
from pipeline.speech.espeak import Speech, Voice, fresh_process, speak
from pipeline.speech.phones import timed_phones
from pipeline.speech.utterance import Phone, Utterance, Word

SENTENCES = (
    "The old farmer sold his yellow barn to a young couple from the city.",
    "Please bring me a cup of hot tea and two slices of bread.",
    "Nobody knows why the river turned green in the middle of July.",
    "She opened the window, and the cold wind blew her papers away.",
    "Every morning he walks to the station with his little dog.",
    "We could hear thunder over the hills, but it never rained.",
    "The judge asked the witness to speak loudly and slowly.",
    "A huge ship was waiting in the harbour for the evening tide.",
    "My brother fixed the kitchen table with a piece of wire.",
    "They chose the smallest house because it had the best view.",
    "Put the blue book back on the shelf before you leave.",
    "Both children laughed when the juggler dropped his orange ball.",
    "The teacher usually measures the length of each branch twice.",
    "Why should we worry about a cloud that is so far away?",
    "Fresh bread, good cheese and a pear make a very fine lunch.",
    "He was thinking of nothing when the telephone suddenly rang.",
    "There is a narrow path between the garden and the church.",
    "Most of the voyage was quiet, though the engine gave us trouble.",
    "You may join us if you finish your work by half past three.",
    "The museum keeps a valuable vase from the fourth century.",
)

VOICES = (
    Voice("en-us", "f2", rate_words_per_minute=160),
    Voice("en-us", "m3", rate_words_per_minute=180, pitch=40),
    Voice("en-us", "m7", rate_words_per_minute=150),
)


def write_spoken_corpus(folder: Path, num_sentences: int = len(SENTENCES)) -> Path:
    """manifest.jsonl with the exact times of all phones, and recordings at 16 kHz."""
    (folder / "wavs").mkdir(parents=True)
    with fresh_process() as process:
        lines = process.submit(say_sentences, str(folder), num_sentences).result(timeout=100)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def say_sentences(folder: str, num_sentences: int) -> list[dict[str, Any]]:
    """Every sentence in every voice."""
    lines = []
    for number, sentence in enumerate(SENTENCES[:num_sentences]):
        for voice in VOICES:
            speech = speak(sentence, voice)
            path = f"wavs/{voice.variant}-{number}.wav"
            (Path(folder) / path).write_bytes(wav_bytes(speech, 16_000))
            phones = [[timed.phone, timed.start_s, timed.end_s] for timed in timed_phones(speech)]
            lines.append(
                {
                    "audio_filepath": path,
                    "text": sentence,
                    "speaker": voice.variant,
                    "language": "en-us",
                    "phones": phones,
                }
            )
    return lines


def crash_at_red(text: str, language: str) -> Speech | None:
    """A voice that crashes its process at one text, as a native library does."""
    if text == "red":
        ctypes.string_at(0)
    return say(text, language)


def killed_once_at_red(text: str, language: str) -> Speech | None:
    """A voice whose process something else ends, once."""
    mark = Path(os.environ["KILLED_ONCE"])
    if text == "red" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return say(text, language)


def hang_at_red(text: str, language: str) -> Speech | None:
    """A voice that never comes back from one text."""
    while text == "red":
        time.sleep(1)
    return say(text, language)


def utterance(*phrases: str) -> Utterance:
    """Phrases such as "k æ t|s æ t": words between bars, phones between blanks."""
    return Utterance(tuple(tuple(word(text) for text in phrase.split("|")) for phrase in phrases))


def word(phones: str) -> Word:
    """One word of one syllable, written as its phones."""
    return Word(phones.replace(" ", ""), (tuple(Phone(symbol) for symbol in phones.split()),))


NUM_FEATURES = 39


def drawn_utterance(spoken: Utterance, seed: int = 0, longest: int = 6) -> TrainingUtterance:
    """Features drawn around a mean of each state's own, and the states that they were drawn from, as first guess.

    A silence between words is left out as often as not.
    """
    rng = np.random.default_rng(seed)
    graph = graph_of(spoken)
    slots = [slot for slot, place in enumerate(graph.places) if place >= 0 or rng.random() < 0.5]
    states = np.array([STATES * slot + state for slot in slots for state in range(STATES)])
    path = np.repeat(states, rng.integers(1, longest + 1, len(states)))
    noise = rng.standard_normal((len(path), NUM_FEATURES))
    return TrainingUtterance((state_means(graph)[path] + noise).astype(np.float32), graph, path)


def state_means(graph: Graph) -> NDArray[np.float64]:
    """[S, D] a mean for each state, the same wherever its unit stands."""
    means = {
        unit: np.random.default_rng(sum(unit.encode())).standard_normal((STATES, NUM_FEATURES)) for unit in graph.units
    }
    return np.concatenate([2 * means[unit] for unit in graph.units])
