"""Audio files to mu-law levels at 16 kHz: ours against librosa, lhotse, and what the libraries below us can do at best.

    python -m benchmarks.prepare_audio [--rounds N] [--only flac] [--record]

The ceiling is soundfile, soxr and one table look-up called with nothing around them: no check, no clamp, no class.
Both use int16 reads, the same down-mix and float32 in soxr (int16 out of soxr is dithered, hence no rival). That all
contestants make the same levels of a file is checked before they are timed. librosa is asked for levels as its users
ask; lhotse has none, so it is given our table. lhotse resamples both channels, with torch: mixing down before, by its
own Resample or MultiCut.to_mono, was slower.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import lhotse
import librosa
import numpy as np
import soundfile as sf
import soxr

from benchmarks.harness import Case, Contestant, main
from pipeline.audio.companding import encode_fast, encoding_table
from pipeline.audio.decode import decode
from pipeline.audio.resample import resample

RATE_HZ = 44_100
TO_HZ = 16_000
LONGEST_S = 600.0
FULL_SCALE = np.float32(1 / 65536)
TABLE = encoding_table(256, "mu-law")


def ours(path: Path) -> object:
    recording = decode(path, LONGEST_S)
    return encode_fast(resample(recording.waveform, recording.sample_rate_hz, TO_HZ))


def with_librosa(path: Path) -> object:
    wave, _ = librosa.load(path, sr=TO_HZ, mono=True)
    return librosa.mu_compress(wave, mu=255, quantize=True)


def with_lhotse(path: Path) -> object:
    wave = lhotse.Recording.from_file(path).resample(TO_HZ).load_audio()
    return encode_fast(wave.mean(axis=0))


def floor(path: Path) -> object:
    with sf.SoundFile(path) as file:
        buffer = np.empty((file.frames, 2), np.int16)
        file.read(out=buffer, dtype="int16")
    mono = buffer.astype(np.float32) @ np.full(2, FULL_SCALE)
    wave = soxr.resample(mono, RATE_HZ, TO_HZ, quality="HQ")
    return TABLE.take((wave * np.float32(32768) + np.float32(32768.5)).astype(np.uint16))


def check_agreement(path: Path) -> None:
    """Refuse to time contestants that do not make the same levels of a file.

    The ceiling's are ours to the last one. librosa's, which begin at -mu / 2, may differ by one: it compands before it
    rounds, and its means and filters are its own. lhotse's may differ by two: its filter is a short one.
    """
    levels = as_integers(ours(path))
    for name, made, most in (
        ("the ceiling", as_integers(floor(path)), 0),
        ("librosa", as_integers(with_librosa(path)) + 128, 1),
        ("lhotse", as_integers(with_lhotse(path)), 2),
    ):
        furthest = np.abs(made - levels).max()
        if furthest > most:
            raise AssertionError(
                f"{path.name}: {name} is up to {furthest} levels away from ours; expected {most} at most"
            )


def as_integers(levels: object) -> np.ndarray:
    """Levels that can be subtracted."""
    return np.asarray(levels).astype(np.int64)


def cases() -> Iterator[Case]:
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("wav", "flac"):
            for duration_s in (10, 1):
                path = Path(folder) / f"{duration_s}.{ending}"
                sf.write(path, speech_like(duration_s), RATE_HZ, subtype="PCM_16")
                check_agreement(path)
                name = f"{ending}, {duration_s} s, {RATE_HZ} Hz stereo to {TO_HZ} Hz mu-law"
                contestants = [
                    Contestant("pipeline.audio", "ours", partial(ours, path), duration_s),
                    Contestant("librosa.load + mu_compress", "peer", partial(with_librosa, path), duration_s),
                    Contestant("lhotse + our table", "peer", partial(with_lhotse, path), duration_s),
                    Contestant("soundfile + soxr + table", "ceiling", partial(floor, path), duration_s),
                ]
                yield Case(name, "seconds of audio", contestants)


def speech_like(duration_s: int) -> np.ndarray:
    """Two channels of noise with the slope of speech and its syllables: FLAC takes as long on it as on a voice."""
    random = np.random.default_rng(0)
    noise = np.cumsum(random.standard_normal((duration_s * RATE_HZ, 2)), axis=0)
    noise -= np.linspace(0, 1, len(noise))[:, None] * noise[-1]
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * np.arange(len(noise)) / RATE_HZ)[:, None]
    wave: np.ndarray = 0.5 * syllables * noise / np.abs(noise).max()
    return wave


if __name__ == "__main__":
    main("prepare_audio", cases)
