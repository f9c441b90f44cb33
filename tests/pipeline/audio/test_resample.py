from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio import resample as resampling
from pipeline.audio.resample import convert, num_resampled, resample

RATES = (8000, 11025, 16000, 22050, 24000, 44100, 48000)


@given(num_timesteps=st.integers(0, 5000), from_hz=st.sampled_from(RATES), to_hz=st.sampled_from(RATES))
def test_the_length_is_the_rounded_one_for_every_pair_of_rates(num_timesteps: int, from_hz: int, to_hz: int) -> None:
    wave = np.zeros(num_timesteps, np.float32)
    expected = int(np.floor(num_timesteps * to_hz / from_hz + 0.5))
    assert len(resample(wave, from_hz, to_hz)) == num_resampled(num_timesteps, from_hz, to_hz) == expected


@pytest.mark.parametrize("from_hz", [8000, 22050, 44100, 48000])
def test_a_tone_stays_where_it_is_in_time_and_height(from_hz: int) -> None:
    def wave_at(rate_hz: int) -> np.ndarray:
        return np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)

    error = resample(wave_at(from_hz), from_hz, 16000) - wave_at(16000)
    assert np.abs(error[200:-200]).max() < 1e-3


def test_what_the_lower_rate_cannot_hold_is_taken_out() -> None:
    hiss = np.sin(2 * np.pi * 15_000 * np.arange(44_100) / 44_100).astype(np.float32)
    assert np.abs(resample(hiss, 44_100, 16_000)[200:-200]).max() < 1e-3


def test_twice_the_same_is_the_same_bytes() -> None:
    wave = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    assert resample(wave, 44_100, 16_000).tobytes() == resample(wave, 44_100, 16_000).tobytes()


def test_equal_rates_change_nothing() -> None:
    wave = np.ones(3, np.float32)
    assert resample(wave, 16_000, 16_000) is wave


@settings(deadline=None)
@given(
    num_timesteps=st.integers(0, 5000),
    from_hz=st.sampled_from(RATES),
    to_hz=st.sampled_from(RATES),
    at_once=st.booleans(),
)
def test_a_converter_that_is_used_again_gives_soxr_s_bits(
    num_timesteps: int, from_hz: int, to_hz: int, at_once: bool
) -> None:
    wave = np.random.default_rng(num_timesteps).standard_normal(num_timesteps).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "AT_ONCE", 10_000 if at_once else 0)
        assert np.array_equal(convert(wave, from_hz, to_hz), soxr.resample(wave, from_hz, to_hz, quality="HQ"))


def test_threads_do_not_share_a_converter() -> None:
    waves = [np.random.default_rng(seed).standard_normal(200_000).astype(np.float32) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda wave: resample(wave, 44_100, 16_000).tobytes(), waves * 3))
    assert together == [resample(wave, 44_100, 16_000).tobytes() for wave in waves] * 3


def test_a_waveform_that_is_refused_leaves_no_trace() -> None:
    wave = np.random.default_rng(0).standard_normal(5000)
    expected = resample(wave.astype(np.float32), 44_100, 16_000)
    with pytest.raises(TypeError):
        resample(wave, 44_100, 16_000)  # type: ignore[arg-type]
    assert np.array_equal(resample(wave.astype(np.float32), 44_100, 16_000), expected)
