"""F0 of glides that are known, of speech by several methods, and of what is too short to have any."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.audio.decode import decode
from pipeline.audio.resample import resample
from pipeline.errors import MissingExtra
from pipeline.speech import f0
from pipeline.speech.f0 import F0Config, Method, log_f0, num_frames

pytest.importorskip("pyworld", reason="needs the f0 extra")

pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated")
"""What librosa imports on its own account."""

METHODS: tuple[Method, ...] = ("dio", "harvest", "pyin")
WORLD: tuple[Method, ...] = ("dio", "harvest")


def glide(rate_hz: int, from_hz: float, to_hz: float, duration_s: float = 1.0) -> tuple[NDArray[np.float32], float]:
    """Harmonics that fall off as 1/k, and by how much ln Hz rises in a second."""
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    f0_hz = from_hz * (to_hz / from_hz) ** (times_s / duration_s)
    phase = 2 * np.pi * np.cumsum(f0_hz) / rate_hz
    harmonics = [np.sin(k * phase) / k * (k * f0_hz < rate_hz / 2) for k in range(1, 20)]
    return (0.2 * np.sum(harmonics, axis=0)).astype(np.float32), float(np.log(to_hz / from_hz) / duration_s)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(80, 320), (500, 100)])
@pytest.mark.parametrize("rate_hz", [8000, 16_000, 22_050, 48_000])
@pytest.mark.parametrize("method", WORLD)
def test_a_glide_is_followed_to_a_tenth_of_a_per_cent(
    method: Method, rate_hz: int, from_hz: float, to_hz: float
) -> None:
    wave, slope = glide(rate_hz, from_hz, to_hz)
    curve, voiced = log_f0(wave, rate_hz, method)
    expected = np.log(from_hz) + slope * 0.005 * np.arange(len(curve))
    assert voiced.mean() > 0.95
    assert np.median(np.abs(curve - expected)[voiced]) < 0.001


def test_pyin_follows_a_glide_to_a_per_cent() -> None:
    for rate_hz in (16_000, 22_050):  # at the latter a frame is 110.25 timesteps
        wave, slope = glide(rate_hz, 100, 300)
        curve, voiced = log_f0(wave, rate_hz, "pyin")
        assert voiced.mean() > 0.9
        assert np.median(np.abs(curve - np.log(100) - slope * 0.005 * np.arange(len(curve)))[voiced]) < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_what_is_unvoiced_is_bridged_and_the_ends_hold(method: Method) -> None:
    wave = np.zeros(24_000, np.float32)
    wave[4000:8000], wave[16_000:20_000] = glide(16_000, 120, 120, 0.25)[0], glide(16_000, 240, 240, 0.25)[0]
    curve, voiced = log_f0(wave, 16_000, method)
    assert not np.any(voiced & np.repeat([True, False, True, False, True], [40, 75, 70, 80, 36]))
    first, *_, last = np.flatnonzero(voiced)
    assert np.all(curve[:first] == curve[first])
    assert np.all(curve[last:] == curve[last])
    before, after = np.flatnonzero(voiced[:150])[-1], 150 + np.flatnonzero(voiced[150:])[0]
    assert curve[before : after + 1] == pytest.approx(np.linspace(curve[before], curve[after], after - before + 1))
    assert np.exp(np.median(curve[voiced][:20])) == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("num_timesteps", [0, 1, 2, 79, 80, 81, 500])
def test_what_is_shorter_than_a_period_has_frames_and_no_voice(method: Method, num_timesteps: int) -> None:
    noise = np.random.default_rng(0).standard_normal(num_timesteps).astype(np.float32) * np.float32(0.1)
    for wave in (noise, np.zeros_like(noise)):
        curve, voiced = log_f0(wave, 16_000, method)
        assert len(curve) == len(voiced) == num_timesteps // 80 + 1
        assert np.isfinite(curve).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate_hz", [4000, 192_000])
def test_strange_waveforms_at_any_rate_have_finite_frames(method: Method, rate_hz: int) -> None:
    noise = np.random.default_rng(0).standard_normal(rate_hz // 10)
    for wave in (noise * 1e4, noise * 1e-30, np.ones_like(noise), noise > 3):
        curve, voiced = log_f0(wave.astype(np.float32), rate_hz, method)
        assert len(curve) == len(voiced) == 21
        assert np.isfinite(curve).all()


@pytest.mark.parametrize("method", METHODS)
def test_where_nothing_is_voiced_the_curve_is_zero(method: Method) -> None:
    curve, voiced = log_f0(np.zeros(16_000, np.float32), 16_000, method)
    assert (curve.dtype.name, voiced.dtype.name, len(curve)) == ("float32", "bool", 201)
    assert not curve.any()
    assert not voiced.any()


@given(num_timesteps=st.integers(0, 3000), rate_hz=st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 48_000]))
def test_the_number_of_frames_is_world_s(num_timesteps: int, rate_hz: int) -> None:
    import pyworld

    wave = np.random.default_rng(num_timesteps).standard_normal(num_timesteps + 1)
    frequencies, times_s = pyworld.dio(wave, rate_hz, speed=12)
    assert num_frames(len(wave), rate_hz, 0.005) == len(frequencies)
    assert times_s == pytest.approx(0.005 * np.arange(len(times_s)))


@pytest.mark.parametrize("num_timesteps", [4001, 4409, 4411])
@pytest.mark.parametrize("rate_hz", [16_000, 22_050])
def test_every_method_has_the_same_frames(num_timesteps: int, rate_hz: int) -> None:
    wave = glide(rate_hz, 120, 200)[0][:num_timesteps]
    for period_s in (0.005, 0.01):
        lengths = {len(log_f0(wave, rate_hz, method, period_s)[0]) for method in METHODS}
        assert lengths == {num_frames(num_timesteps, rate_hz, period_s)}


@pytest.mark.parametrize("method", METHODS)
def test_twice_the_same_is_the_same_bits(method: Method) -> None:
    wave = glide(16_000, 100, 200, 0.3)[0]
    assert log_f0(wave, 16_000, method)[0].tobytes() == log_f0(wave.copy(), 16_000, method)[0].tobytes()


def test_methods_agree_on_the_octave_of_real_speech(shared_data: Path) -> None:
    wave = resample(decode(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0002.wav", 100).waveform, 22_050, 16_000)
    curve, voiced = log_f0(wave, 16_000, "dio")
    assert 0.3 < voiced.mean() < 0.9
    assert 160 < np.exp(np.median(curve[voiced])) < 260
    for method in ("harvest", "pyin"):
        other, also_voiced = log_f0(wave, 16_000, method)
        both = voiced & also_voiced
        assert both.sum() > 0.8 * voiced.sum()
        apart = np.abs(curve - other)[both] / np.log(2)
        assert np.median(apart) < 0.02
        assert np.mean(apart > 0.5) < 0.03


@pytest.mark.parametrize(
    ("method", "period_s", "frames_at_once"), [("dio", 0.005, 400), ("dio", 0.0123, 100), ("harvest", 0.005, 600)]
)
def test_stretches_of_a_long_recording_are_those_of_the_whole(
    shared_data: Path, method: Method, period_s: float, frames_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few frames differ a little: where a voice begins and ends, the methods look further than the context goes."""
    wave = decode(shared_data / "LJSpeech-1.1" / "wavs" / "LJ001-0004.wav", 100).waveform
    curve, voiced = log_f0(wave, 22_050, method, period_s)
    monkeypatch.setattr(f0, "FRAMES_AT_ONCE", frames_at_once)
    stretched, also_voiced = log_f0(wave, 22_050, method, period_s)
    assert len(stretched) == len(curve)
    assert np.mean(voiced != also_voiced) < 0.02
    apart = np.abs(stretched - curve)[voiced & also_voiced]
    assert np.quantile(apart, 0.9) < 0.002
    assert np.quantile(apart, 0.98) < 0.03


@pytest.mark.parametrize("rate_hz", [16_000, 22_050])
def test_stretches_of_a_glide_join_without_a_step(rate_hz: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f0, "FRAMES_AT_ONCE", 90)
    wave, slope = glide(rate_hz, 100, 300, 3)
    curve, voiced = log_f0(wave, rate_hz, "dio")
    assert voiced[5:-5].all()
    apart = np.abs(curve - np.log(100) - slope * 0.005 * np.arange(len(curve)))
    assert np.quantile(apart, 0.9) < 0.001  # a frame later or earlier is 0.0018 away


def test_the_search_stays_in_its_range() -> None:
    wave = glide(16_000, 300, 300)[0]
    assert log_f0(wave, 16_000, "dio")[1].mean() > 0.9
    curve, voiced = log_f0(wave, 16_000, "dio", config=F0Config(60, 200))
    assert not voiced.any() or np.exp(curve[voiced].max()) < 210
    with pytest.raises(ValueError, match="lowest_hz < highest_hz"):
        F0Config(200, 100)


@pytest.mark.parametrize(("method", "package", "extra"), [("dio", "pyworld", "f0"), ("pyin", "librosa", "pyin")])
def test_without_the_package_the_error_names_the_extra(
    method: Method, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=re.escape(f"pip install '.[{extra}]'")):
        log_f0(np.ones(160, np.float32), 16_000, method)
