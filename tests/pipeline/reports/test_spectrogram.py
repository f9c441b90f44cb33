import io

import numpy as np
import pytest
from PIL import Image

from pipeline.reports.spectrogram import RANGE_DB, spectrogram_db, spectrogram_png

RATE_HZ = 8000


def tone(pitch_hz: float, duration_s: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)


@pytest.mark.parametrize("pitch_hz", [500.0, 1000.0, 3000.0])
def test_a_tone_stands_at_its_frequency(pitch_hz: float) -> None:
    values = spectrogram_db(tone(pitch_hz, 0.5), RATE_HZ)
    loudest = values[:, values.shape[1] // 2].argmax()
    assert loudest / (values.shape[0] - 1) * RATE_HZ / 2 == pytest.approx(pitch_hz, abs=20)


def test_time_runs_from_left_to_right() -> None:
    waveform = np.concatenate([np.zeros(4000, np.float32), tone(1000, 0.5)])
    values = spectrogram_db(waveform, RATE_HZ)
    half = values.shape[1] // 2
    assert values[:, : half - 5].max() < -60
    assert values[:, half + 5 : -5].max(axis=0).min() > -3


def test_decibels_are_below_the_loudest_bin() -> None:
    quiet, loud = tone(1000, 0.5) * 0.1, tone(1000, 0.5)
    values = spectrogram_db(np.concatenate([quiet, loud]), RATE_HZ)
    assert values.max() == 0
    assert values[:, values.shape[1] // 4].max() == pytest.approx(-20, abs=0.5)
    assert values.min() >= -RANGE_DB


@pytest.mark.parametrize("num_timesteps", [0, 1, 7, 100])
def test_the_shortest_waveforms_and_silence_have_a_spectrogram(num_timesteps: int) -> None:
    values = spectrogram_db(np.zeros(num_timesteps, np.float32), RATE_HZ)
    assert (values == -RANGE_DB).all()
    assert values.shape[1] >= 1


def test_a_long_waveform_is_drawn_with_few_columns() -> None:
    assert spectrogram_db(np.zeros(100 * RATE_HZ, np.float32), RATE_HZ).shape[1] == 900


def test_the_picture_is_small_and_the_same_every_time() -> None:
    data = spectrogram_png(tone(1000, 0.5), RATE_HZ, 0.5)
    assert data == spectrogram_png(tone(1000, 0.5), RATE_HZ, 0.5)
    assert len(data) < 100_000
    assert Image.open(io.BytesIO(data)).width == 690


def test_a_shorter_item_leaves_the_rest_of_the_axis_empty() -> None:
    """Both of a pair have one axis of time, so that what happens at one time stands at one place."""
    half = np.asarray(Image.open(io.BytesIO(spectrogram_png(tone(1000, 0.5), RATE_HZ, 1.0))).convert("L"), int)
    whole = np.asarray(Image.open(io.BytesIO(spectrogram_png(tone(1000, 1.0), RATE_HZ, 1.0))).convert("L"), int)
    row = slice(20, 180)
    assert whole[row, 400:640].max() > 100
    assert half[row, 400:640].max() < 40
    assert half[row, 100:350].max() > 100
