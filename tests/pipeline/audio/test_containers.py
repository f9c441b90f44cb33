"""Every container and coding that corpora come in, made here and by others."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from pipeline.audio.decode import decode
from tests.corpus_builders import tone

CONTAINERS = [
    ("WAV", "PCM_U8", 2**-7),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-15),
    ("WAV", "PCM_32", 2**-15),
    ("WAV", "FLOAT", 2**-15),
    ("WAV", "DOUBLE", 2**-15),
    ("WAV", "ULAW", 0.02),
    ("WAV", "ALAW", 0.02),
    ("WAVEX", "PCM_24", 2**-15),
    ("RF64", "PCM_16", 2**-15),
    ("W64", "PCM_16", 2**-15),
    ("AIFF", "PCM_16", 2**-15),
    ("AU", "PCM_16", 2**-15),
    ("NIST", "PCM_16", 2**-15),
    ("CAF", "ALAC_16", 2**-15),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-15),
    ("OGG", "VORBIS", 0.1),
    ("OGG", "OPUS", 0.1),
    ("MP3", "MPEG_LAYER_III", 0.1),
]

ENCODERS_END = 100
"""libsndfile's Opus encoder spoils the last timesteps of a stereo file."""


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("container", "subtype", "tolerance"), CONTAINERS)
def test_every_container_gives_the_wave_that_was_written(
    tmp_path: Path, container: str, subtype: str, tolerance: float, channels: int
) -> None:
    wave = np.stack([tone(16_000, 16_000, seed=seed) for seed in range(channels)], axis=1)
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        sf.write(file, wave, 16_000, format=container, subtype=subtype)
    for source in (path, path.read_bytes()):
        recording = decode(source, 10)
        assert recording.sample_rate_hz == 16_000
        assert len(recording.waveform) == 16_000
        difference = np.abs(recording.waveform - wave.mean(axis=1))[:-ENCODERS_END]
        assert difference.max() < tolerance


def test_kinds_of_one_recording_are_one_wave(shared_data: Path) -> None:
    folder = shared_data / "odd-formats"
    names = ("cold_corpus.wav", "cold_corpus_24bit.wav", "cold_corpus_32bit_float.wav")
    first, *others = (decode(folder / name, 60) for name in names)
    assert first.sample_rate_hz == 16_000
    assert len(first.waveform) == 411_481
    for other in others:
        assert np.abs(other.waveform - first.waveform).max() < 2**-14


def test_every_odd_file_is_decoded(shared_data: Path) -> None:
    lengths = {
        path.name: round(decode(path, 60).duration_s, 3)
        for path in sorted((shared_data / "odd-formats").iterdir())
        if path.suffix not in (".lab", ".TextGrid")
    }
    assert lengths == {
        "13697_11991_000000.opus": 14.85,
        "61-70968-0000.flac": 4.905,
        "acoustic_corpus.wav": 26.723,
        "cold_corpus.wav": 25.718,
        "cold_corpus_24bit.wav": 25.718,
        "cold_corpus_32bit_float.wav": 25.718,
        "common_voice_en_22058266.mp3": 2.352,
    }
