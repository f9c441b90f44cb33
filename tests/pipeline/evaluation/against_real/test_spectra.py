import numpy as np
import pytest

from pipeline.evaluation.against_real.spectra import (
    FLOOR_DB,
    NUM_MELS,
    frequencies_hz,
    mel_bands,
    power_spectra,
    spectra_of,
)


def tone(frequency_hz: float, rate_hz: int = 8000, num_timesteps: int = 1603) -> "np.ndarray":
    return np.sin(2 * np.pi * frequency_hz * np.arange(num_timesteps) / rate_hz).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [1000, 8000, 16000, 22050, 44100])
def test_a_tone_of_full_scale_has_no_decibels_and_its_frequency_as_centre(rate_hz: int) -> None:
    frequency = rate_hz / 7
    spectra = spectra_of(tone(frequency, rate_hz, rate_hz // 3 + 1), rate_hz)
    middle = slice(3, -4)
    assert spectra.power_db[middle] == pytest.approx(0, abs=0.05)
    assert spectra.centroid_hz[middle] == pytest.approx(frequency, rel=0.01)
    assert not spectra.silent[middle].any()


def test_frames_cover_the_item_and_lie_ten_milliseconds_apart() -> None:
    assert [len(spectra_of(np.ones(count, np.float32), 8000).power_db) for count in (1, 80, 81, 160)] == [1, 1, 2, 2]


def test_a_frame_by_hand() -> None:
    """Frame 5 at 8 kHz: 200 timesteps around timestep 400, a Hann window, the sum over triangles."""
    wave = np.random.default_rng(1).normal(0, 0.1, 1000).astype(np.float32)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    power = np.abs(np.fft.rfft(wave[300:500].astype(float) * window, 512)) ** 2 * 4 / (512 * (window**2).sum())
    expected = 10 * np.log10(mel_bands(8000) @ power)
    assert spectra_of(wave, 8000).mel_db[5] == pytest.approx(expected, abs=1e-4)
    assert np.concatenate(list(power_spectra(wave, 8000, 512)))[5].sum() == pytest.approx(power.sum(), rel=1e-6)


def test_mel_triangles_add_up_to_one_between_the_first_and_last_peak() -> None:
    bands, frequencies = mel_bands(16000), frequencies_hz(16000)
    peaks = frequencies[bands.argmax(1)]
    inside = (frequencies > peaks[0]) & (frequencies < peaks[-1])
    assert bands.shape == (NUM_MELS, len(frequencies))
    assert bands.sum(0)[inside] == pytest.approx(1, abs=1e-9)
    assert (np.diff(peaks) > 0).all()


def test_silence_is_silent_and_has_numbers() -> None:
    spectra = spectra_of(np.zeros(800, np.float32), 8000)
    assert spectra.silent.all()
    assert (spectra.power_db == FLOOR_DB).all()
    assert np.isfinite(spectra.centroid_hz).all()


def test_what_is_far_below_the_loudest_is_silent() -> None:
    wave = np.concatenate([tone(440, num_timesteps=800), 0.005 * tone(440, num_timesteps=800)])
    assert spectra_of(wave, 8000).silent.tolist() == [False] * 12 + [True] * 8
