import numpy as np
import pytest

from pipeline.generation.accept.measures import clipped_share, median_f0_hz, silent_frames, sounding_s

RATE = 8000


def test_the_share_of_clipped_timesteps() -> None:
    assert clipped_share(np.array([0, 31, 5, 30]), 32) == 0.5


def test_silence_is_below_its_level() -> None:
    """100 ms of digital silence, 200 ms at -20 dB, 100 ms at -60 dB."""
    x = np.concatenate([np.zeros(800), np.full(1600, 0.1), np.full(800, 0.001)]).astype(np.float32)
    is_silent = silent_frames(x, RATE, -50)
    assert is_silent.tolist() == [True] * 10 + [False] * 20 + [True] * 10
    assert sounding_s(is_silent) == pytest.approx(0.2)
    assert sounding_s(silent_frames(x, RATE, -70)) == pytest.approx(0.3)
    assert sounding_s(silent_frames(np.zeros(80, np.float32), RATE, -50)) == 0


def test_the_median_pitch_of_a_voice() -> None:
    pytest.importorskip("pyworld")
    times = np.arange(RATE) / RATE
    harmonics = [np.sin(2 * np.pi * 150 * number * times) / number for number in range(1, 8)]
    x = 0.2 * np.sum(harmonics, axis=0).astype(np.float32)
    assert median_f0_hz(x, RATE) == pytest.approx(150, rel=0.01)
    assert median_f0_hz(np.zeros(RATE, np.float32), RATE) == 0
