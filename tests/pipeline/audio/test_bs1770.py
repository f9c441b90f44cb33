"""Loudness against the recommendation's own tables and test tones, and against pyloudnorm."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.audio import bs1770
from pipeline.audio.bs1770 import head_shelf, high_pass, integrated_loudness, k_weighted, normalise_loudness
from pipeline.audio.decode import decode

RATES = (8000, 11_025, 16_000, 22_050, 44_100, 48_000)


def bursts(num_timesteps: int, rate_hz: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise with a slope whose loudness changes every 300 ms by up to 40 dB."""
    random = np.random.default_rng(seed)
    levels_db = random.uniform(-50, -10, num_timesteps // max(1, rate_hz * 3 // 10) + 1)
    gain = np.repeat(10 ** (levels_db / 20), max(1, rate_hz * 3 // 10))[:num_timesteps]
    noise = np.convolve(random.standard_normal(num_timesteps), [1, 0.9, 0.7, 0.4], "same")
    wave: NDArray[np.float32] = (gain * noise / 2).astype(np.float32)
    return wave


def tone(rate_hz: int, frequency_hz: float, peak: float, duration_s: float = 3) -> NDArray[np.float32]:
    wave = peak * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return wave.astype(np.float32)


def test_the_filters_at_48_khz_are_the_tables_of_the_recommendation() -> None:
    b, a = head_shelf(48_000)
    assert b == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-12)
    assert a == pytest.approx([1, -1.69065929318241, 0.73248077421585], abs=1e-12)
    b, a = high_pass(48_000)
    assert b.tolist() == [1, -2, 1]
    assert a == pytest.approx([1, -1.99004745483398, 0.99007225036621], abs=1e-12)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 192_000])
def test_a_full_scale_tone_of_997_hz_in_one_channel_measures_minus_3_01(rate_hz: int) -> None:
    assert integrated_loudness(tone(rate_hz, 997, 1), rate_hz) == pytest.approx(-3.01, abs=0.03)


def test_quiet_stretches_are_gated_twice() -> None:
    """As the tones of EBU Tech 3341: the quiet ones before and after would pull the mean down, and pass no gate."""
    rate_hz = 16_000
    loud = tone(rate_hz, 997, 0.1, 20)
    alone = integrated_loudness(loud, rate_hz)
    faint, soft = tone(rate_hz, 997, 1e-4, 20), tone(rate_hz, 997, 0.01, 20)
    assert integrated_loudness(np.concatenate([faint, loud, faint]), rate_hz) == pytest.approx(alone, abs=0.1)
    assert integrated_loudness(np.concatenate([soft, loud, soft]), rate_hz) == pytest.approx(alone, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rate_hz", RATES)
def test_loudness_is_what_pyloudnorm_measures(rate_hz: int, seed: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    wave = bursts(round((2 + 3.7 * seed) * rate_hz), rate_hz, seed)
    expected = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(wave.astype(np.float64))
    assert integrated_loudness(wave, rate_hz) == pytest.approx(expected, abs=0.01)


def test_loudness_of_real_speech_is_what_pyloudnorm_measures(shared_data: Path) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    paths = [
        *sorted((shared_data / "LJSpeech-1.1" / "wavs").glob("*.wav"))[:6],
        *(shared_data / "RAVDESS").rglob("*.wav"),
    ]
    assert len(paths) > 10
    for path in paths:
        recording = decode(path, 100)
        rate_hz, whole_quarters = recording.sample_rate_hz, len(recording.waveform) * 10 // recording.sample_rate_hz
        wave = recording.waveform[: whole_quarters * rate_hz // 10]  # pyloudnorm counts a part of a block as a whole
        expected = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(wave.astype(np.float64))
        assert integrated_loudness(wave, rate_hz) == pytest.approx(expected, abs=1e-6), path.name


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
def test_filtering_by_spectra_is_the_recursion(rate_hz: int) -> None:
    wave = bursts(3000, rate_hz)
    plain = wave.astype(np.float64)
    for b, a in (head_shelf(rate_hz), high_pass(rate_hz)):
        plain = recursion(b, a, plain)
    assert k_weighted(wave, 0, 3000, rate_hz) == pytest.approx(plain, abs=1e-12)
    assert k_weighted(wave, 1000, 2500, rate_hz) == pytest.approx(plain[1000:2500], abs=1e-12)


def recursion(b: NDArray[np.float64], a: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The filter by its definition, one timestep after the other."""
    y = np.zeros(len(x) + 2)
    padded = np.concatenate([[0, 0], x])
    for t in range(2, len(padded)):
        y[t] = b @ padded[t - 2 : t + 1][::-1] - a[1:] @ y[t - 2 : t][::-1]
    found: NDArray[np.float64] = y[2:]
    return found


@pytest.mark.parametrize("rate_hz", [8000, 11_025])
def test_a_long_waveform_is_measured_in_stretches_as_in_one(rate_hz: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = bursts(rate_hz * 12 + 17, rate_hz)
    whole = bs1770.block_powers(wave, rate_hz)
    monkeypatch.setattr(bs1770, "STRETCH_QUARTERS", 7)
    assert bs1770.block_powers(wave, rate_hz) == pytest.approx(whole, rel=1e-9)
    assert len(whole) == 117


def test_the_short_is_one_block_of_what_there_is() -> None:
    wave = tone(16_000, 997, 0.1, 0.39)
    longer = tone(16_000, 997, 0.1, 1)
    assert integrated_loudness(wave, 16_000) == pytest.approx(integrated_loudness(longer, 16_000), abs=0.05)
    assert integrated_loudness(wave[:1], 16_000) == -math.inf
    assert integrated_loudness(np.ones(1, np.float32), 16_000) > -10


@pytest.mark.parametrize("num_timesteps", [0, 1, 6399, 6400, 100_000])
def test_silence_has_no_loudness_and_stays_as_it_is(num_timesteps: int) -> None:
    silence = np.zeros(num_timesteps, np.float32)
    assert integrated_loudness(silence, 16_000) == -math.inf
    assert normalise_loudness(silence, 16_000, -23, -1) is silence
    assert integrated_loudness(np.full(num_timesteps, 1e-6, np.float32), 16_000) == -math.inf


@settings(max_examples=30, deadline=None)
@given(num_timesteps=st.integers(100, 30_000), gain_db=st.floats(-8, 20), target=st.floats(-30, -10))
def test_what_is_normalised_has_the_loudness_or_the_peak_that_was_asked_for(
    num_timesteps: int, gain_db: float, target: float
) -> None:
    wave = bursts(num_timesteps, 16_000) * np.float32(10 ** (gain_db / 20))
    made = normalise_loudness(wave, 16_000, target, -3)
    assert made.dtype == np.float32
    peak_db = 20 * np.log10(np.abs(made).max())
    loudness = integrated_loudness(made, 16_000)
    assert peak_db <= -3 + 1e-5
    assert loudness == pytest.approx(target, abs=1e-3) or (peak_db == pytest.approx(-3, abs=1e-4) and loudness < target)
    assert made / made[np.abs(made).argmax()] == pytest.approx(wave / wave[np.abs(wave).argmax()], abs=1e-5)


def test_where_the_ceiling_binds_the_gain_gives_way_and_nothing_is_clipped() -> None:
    wave = tone(16_000, 440, 0.01, 2)
    wave[16_000] = 0.5
    made = normalise_loudness(wave, 16_000, -15, -1)
    assert made.max() == pytest.approx(10 ** (-1 / 20), rel=1e-6)
    assert integrated_loudness(made, 16_000) < -30
    assert made / made[16_000] == pytest.approx(wave / wave[16_000])
