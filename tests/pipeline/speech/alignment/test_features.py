from typing import Any

import librosa as typed_librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.speech.alignment.features import (
    FFT,
    HIGHEST_HZ,
    HOP,
    LOWEST_HZ,
    NUM_CEPSTRA,
    NUM_FEATURES,
    NUM_MELS,
    RATE_HZ,
    WINDOW,
    features_of,
    hz_to_mel,
    mel_bands,
    mel_cepstra,
    mel_to_hz,
    num_frames,
    preemphasised,
    slopes,
)

librosa: Any = typed_librosa


def noise(num_timesteps: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise whose loudness comes and goes."""
    wave = np.random.default_rng(seed).standard_normal(num_timesteps) * 0.1
    return (wave * (1.1 + np.sin(np.arange(num_timesteps) / 900))).astype(np.float32)


def test_bands_are_librosa_s() -> None:
    theirs = librosa.filters.mel(sr=RATE_HZ, n_fft=FFT, n_mels=NUM_MELS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    np.testing.assert_allclose(mel_bands(), theirs, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("num_timesteps", [HOP * 100, HOP * 100 + 1, HOP * 101 - 1])
def test_cepstra_are_librosa_s_of_windows_around_the_middle_of_each_hop(num_timesteps: int) -> None:
    wave = noise(num_timesteps)
    emphasised = librosa.effects.preemphasis(wave, coef=0.97, zi=[-0.97 * wave[0]])
    np.testing.assert_allclose(preemphasised(wave), emphasised, atol=1e-6)
    count = num_frames(num_timesteps)
    # librosa centres frame f at f · HOP after its own padding of half an FFT on either side.
    padded = np.pad(emphasised, (FFT // 2 - HOP // 2, FFT))
    theirs = librosa.feature.mfcc(
        y=padded, sr=RATE_HZ, n_mfcc=NUM_CEPSTRA, n_fft=FFT, win_length=WINDOW, hop_length=HOP, center=False,
        n_mels=NUM_MELS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ,
    ).T[:count]  # fmt: skip
    ours = mel_cepstra(wave)
    assert ours.shape == (count, NUM_CEPSTRA)
    np.testing.assert_allclose(ours, theirs, atol=2e-2)


def test_slopes_are_librosa_s_but_at_the_ends() -> None:
    values = np.cumsum(np.random.default_rng(1).standard_normal((50, 4)), axis=0)
    theirs = librosa.feature.delta(values, width=5, axis=0)
    np.testing.assert_allclose(slopes(values)[2:-2], theirs[2:-2], atol=1e-12)


def test_a_click_is_loudest_in_the_frame_that_it_lies_in() -> None:
    for frame in (3, 40):
        wave = np.zeros(HOP * 60, np.float32)
        wave[frame * HOP + HOP // 2] = 1
        assert int(np.argmax(mel_cepstra(wave)[:, 0])) == frame


@given(st.floats(20, 8000))
def test_mel_there_and_back(hz: float) -> None:
    assert mel_to_hz(hz_to_mel(np.array([hz])))[0] == pytest.approx(hz)


@settings(deadline=None, max_examples=30)
@given(num_timesteps=st.integers(0, 3000), rate_hz=st.sampled_from([8000, 16000, 22050, 48000]))
def test_any_recording_has_finite_features_without_a_mean(num_timesteps: int, rate_hz: int) -> None:
    features = features_of(noise(num_timesteps), rate_hz)
    assert features.dtype == np.float32
    assert features.shape[1] == NUM_FEATURES
    assert abs(len(features) - num_timesteps / rate_hz * 100) <= 1
    np.testing.assert_allclose(features[:, :NUM_CEPSTRA].sum(axis=0), 0, atol=1e-2)


def test_digital_silence_and_loudness_change_nothing_but_numbers_that_are_finite() -> None:
    np.testing.assert_allclose(features_of(np.zeros(1000, np.float32), RATE_HZ), 0, atol=1e-9)
    wave = noise(16000)
    np.testing.assert_allclose(features_of(wave, RATE_HZ), features_of(wave / np.float32(100), RATE_HZ), atol=0.1)


def test_a_long_recording_is_taken_in_blocks_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = noise(HOP * 50)
    whole = mel_cepstra(wave)
    monkeypatch.setattr("pipeline.speech.alignment.features.FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(mel_cepstra(wave), whole, atol=1e-4)
