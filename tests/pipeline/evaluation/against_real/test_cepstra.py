import numpy as np
import pytest

from pipeline.evaluation.against_real.cepstra import (
    CONSTANT,
    NUM_COEFFICIENTS,
    distortion_db,
    mel_cepstra,
)
from pipeline.evaluation.against_real.spectra import NUM_MELS

RANDOM = np.random.default_rng(0)
LN_TO_DB = 20 / np.log(10)


def bands(num_frames: int = 5) -> "np.ndarray":
    return RANDOM.uniform(-60, -10, (num_frames, NUM_MELS))


def test_equal_spectra_have_no_distortion_and_loudness_is_none() -> None:
    one = bands()
    assert distortion_db(mel_cepstra(one), mel_cepstra(one)).tolist() == [0] * 5
    assert distortion_db(mel_cepstra(one), mel_cepstra(one + 6)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("order", [1, 7, NUM_COEFFICIENTS])
def test_an_offset_of_one_coefficient_is_the_constant_times_it(order: int) -> None:
    one, offset = bands(), 0.3
    cosine = np.cos(np.pi * order * (np.arange(NUM_MELS) + 0.5) / NUM_MELS)
    other = one + LN_TO_DB * offset * cosine
    found = distortion_db(mel_cepstra(one), mel_cepstra(other))
    assert found == pytest.approx(CONSTANT * offset, abs=1e-9)
    assert pytest.approx(6.1418513, abs=1e-6) == CONSTANT


def test_coefficients_beyond_the_last_do_not_count() -> None:
    one = bands()
    cosine = np.cos(np.pi * (NUM_COEFFICIENTS + 1) * (np.arange(NUM_MELS) + 0.5) / NUM_MELS)
    assert distortion_db(mel_cepstra(one), mel_cepstra(one + cosine)) == pytest.approx(0, abs=1e-9)


def test_all_coefficients_together_are_the_rms_difference_in_decibels() -> None:
    """Parseval: which fixes the scale of the cepstra, and with it what the constant means."""
    one, other = bands(), bands()
    found = distortion_db(mel_cepstra(one, NUM_MELS - 1), mel_cepstra(other, NUM_MELS - 1))
    assert found == pytest.approx((one - other).std(1), abs=1e-9)


def test_what_lies_far_below_the_loudest_band_is_not_heard() -> None:
    one, other = bands(), bands()
    one[:, 3], other[:, 3] = -95, -100
    one[0, 0] = other[0, 0] = -5
    alike = other.copy()
    alike[:, 3] = -95
    assert (mel_cepstra(other) == mel_cepstra(alike)).all()
