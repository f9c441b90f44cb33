"""Small corpora for tests of the verbs."""

import wave
from pathlib import Path

import numpy as np


def write_tones(folder: Path, num_items: int, sample_rate_hz: int = 8000) -> None:
    """A corpus that is found to be of the FSDD layout: fifths of a second of tones, DIGIT_SPEAKER_TAKE.wav."""
    recordings = folder / "recordings"
    recordings.mkdir(parents=True)
    times_s = np.arange(sample_rate_hz // 5) / sample_rate_hz
    for index in range(num_items):
        tone = 0.5 * np.sin(2 * np.pi * (200 + 50 * index) * times_s)
        with wave.open(str(recordings / f"{index % 10}_high_{index}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate_hz)
            file.writeframes((tone * 32767).astype("<i2").tobytes())
