import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.loudness import frame_energy, normalise_peak, sounding_span
from tests.corpus_builders import tone

RATE = 8000


def padded(before: int, after: int) -> np.ndarray:
    return np.concatenate([np.zeros(before, np.float32), tone(1600), np.zeros(after, np.float32)])


def test_silence_at_both_ends_goes_and_the_margin_stays() -> None:
    assert sounding_span(padded(800, 400), RATE, -40, 0) == (800, 2400)
    assert sounding_span(padded(800, 400), RATE, -40, 0.05) == (400, 2800)


def test_the_margin_ends_where_the_recording_does() -> None:
    assert sounding_span(padded(80, 40), RATE, -40, 0.05) == (0, 1720)


def test_pauses_inside_stay() -> None:
    wave = np.concatenate([padded(800, 800), padded(0, 800)])
    assert sounding_span(wave, RATE, -40, 0) == (800, 4800)


def test_the_threshold_is_relative_to_the_loudest_frame() -> None:
    quiet, loud = tone(800) * 0.02, tone(1600)  # 34 dB apart
    wave = np.concatenate([quiet, loud]).astype(np.float32)
    assert sounding_span(wave, RATE, -40, 0)[0] == 0
    assert sounding_span(wave, RATE, -30, 0)[0] == 800
    assert sounding_span(wave * np.float32(0.01), RATE, -30, 0)[0] == 800


@pytest.mark.parametrize("length", [0, 1, 5, 1000])
def test_digital_silence_sounds_nowhere(length: int) -> None:
    assert sounding_span(np.zeros(length, np.float32), RATE, -40, 0.05) == (0, 0)


@given(length=st.integers(1, 500), hop=st.integers(1, 100))
def test_frame_energy_is_the_mean_square_of_each_frame(length: int, hop: int) -> None:
    wave = tone(length)
    expected = [np.mean(np.square(wave[start : start + hop])) for start in range(0, length, hop)]
    assert frame_energy(wave, hop) == pytest.approx(np.array(expected), rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_peak_comes_to_the_height_that_was_asked_for(sign: int) -> None:
    wave = normalise_peak(np.array([0.1, -0.02, 0.05], np.float32) * sign, -6.0206)
    assert np.abs(wave).max() == pytest.approx(0.5, rel=1e-5)
    assert wave[1] / wave[0] == pytest.approx(-0.2)


def test_silence_stays_silence() -> None:
    assert not normalise_peak(np.zeros(4, np.float32), -1).any()
    assert normalise_peak(np.zeros(0, np.float32), -1).size == 0
