"""Fundamental frequency of ten seconds at 16 kHz: dio + stonemask against harvest and pyin, in seconds a CPU second.

    python -m benchmarks.f0 [--rounds N] [--record]

The voice is made here: syllables of harmonics that rise and fall, with pauses and a little noise between them. That
the methods agree on it is checked before they are timed.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Case, Contestant, main
from pipeline.speech.f0 import Method, log_f0

RATE_HZ = 16_000
DURATION_S = 10
NAMES: dict[Method, str] = {"dio": "dio + stonemask", "harvest": "harvest + stonemask", "pyin": "librosa.pyin"}


def voice() -> NDArray[np.float32]:
    """Four syllables a second around 180 Hz, each half of its time."""
    times_s = np.arange(DURATION_S * RATE_HZ) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(180 * 1.3 ** np.sin(2 * np.pi * 0.4 * times_s)) / RATE_HZ
    harmonics = np.sum([np.sin(k * phase) / k for k in range(1, 20)], axis=0)
    syllables = np.maximum(0, np.sin(2 * np.pi * 4 * times_s))
    noise = np.random.default_rng(0).standard_normal(len(times_s))
    wave: NDArray[np.float32] = (0.2 * syllables * harmonics + 0.002 * noise).astype(np.float32)
    return wave


def check_agreement(wave: NDArray[np.float32]) -> None:
    """AssertionError where a method is a per cent away from dio on half of what both hear as voiced."""
    curve, voiced = log_f0(wave, RATE_HZ, "dio")
    for method in NAMES:
        other, also_voiced = log_f0(wave, RATE_HZ, method)
        both = voiced & also_voiced
        assert both.sum() > 0.5 * voiced.sum(), f"{method} hears {both.sum()} of dio's {voiced.sum()} voiced frames"
        apart = float(np.median(np.abs(curve - other)[both]))
        assert apart < 0.01, f"{method} is {100 * apart:.1f} per cent away from dio; expected 1 at most"


def cases() -> Iterator[Case]:
    wave = voice()
    check_agreement(wave)
    contestants = [
        Contestant(name, "ours" if method == "dio" else "peer", partial(log_f0, wave, RATE_HZ, method), DURATION_S)
        for method, name in NAMES.items()
    ]
    yield Case(f"log F0 of {DURATION_S} s at {RATE_HZ} Hz, frames of 5 ms", "seconds of audio", contestants)


if __name__ == "__main__":
    main("f0", cases)
