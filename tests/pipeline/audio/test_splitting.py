"""Pieces hold all that sounds, once, in order; they are cut where it is silent, else where it is quietest."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.audio import splitting
from pipeline.audio.decode import decode
from pipeline.audio.splitting import CutConfig, energies, pieces, threshold
from tests.corpus_builders import tone

RATE = 8000
HOP = 80


def recording(*stretches: tuple[float, float], noise: float = 0.0005) -> NDArray[np.float32]:
    """Tones of so many seconds at so many times half of full scale; 0 is a pause, in which there is noise alone."""
    parts = [gain * tone(round(duration_s * RATE), RATE) for duration_s, gain in stretches]
    wave = np.concatenate([np.zeros(0), *parts])
    return (wave + noise * np.random.default_rng(1).standard_normal(len(wave))).astype(np.float32)


def seconds(spans: list[tuple[int, int]]) -> list[tuple[float, float]]:
    return [(start / RATE, end / RATE) for start, end in spans]


def test_a_recording_is_cut_at_its_silences_and_margins_stay() -> None:
    wave = recording((0.5, 0), (2, 1), (0.5, 0), (3, 1), (0.2, 0), (1, 1), (1, 0))
    assert seconds(pieces(wave, RATE)) == [(0.4, 2.6), (2.9, 7.3)]


def test_margins_meet_half_way_and_end_with_the_recording() -> None:
    wave = recording((2, 1), (0.4, 0), (2, 1))
    assert seconds(pieces(wave, RATE, CutConfig(margin_s=0.5))) == [(0, 2.2), (2.2, 4.4)]


@pytest.mark.parametrize(("silence_s", "num_pieces"), [(0.29, 1), (0.3, 2)])
def test_the_shortest_silence_that_cuts_is_the_one_in_the_config(silence_s: float, num_pieces: int) -> None:
    assert len(pieces(recording((2, 1), (silence_s, 0), (2, 1)), RATE)) == num_pieces


def test_a_short_piece_is_joined_to_its_nearer_neighbour() -> None:
    before = recording((2, 1), (0.4, 0), (0.3, 1), (0.8, 0), (2, 1))
    after = recording((2, 1), (0.8, 0), (0.3, 1), (0.4, 0), (2, 1))
    assert seconds(pieces(before, RATE, CutConfig(margin_s=0))) == [(0, 2.7), (3.5, 5.5)]
    assert seconds(pieces(after, RATE, CutConfig(margin_s=0))) == [(0, 2), (2.8, 5.5)]


def test_a_short_piece_stays_alone_where_joining_it_would_break_a_rule() -> None:
    far = recording((2, 1), (1.6, 0), (0.3, 1))
    assert seconds(pieces(far, RATE, CutConfig(margin_s=0))) == [(0, 2), (3.6, 3.9)]
    full = recording((2, 1), (0.4, 0), (0.3, 1))
    config = CutConfig(margin_s=0, max_piece_s=2.5)
    assert seconds(pieces(full, RATE, config)) == [(0, 2), (2.4, 2.7)]


def test_what_is_too_long_is_cut_at_its_quietest_frame() -> None:
    wave = recording((3, 1), (0.01, 0.3), (2, 1), (0.01, 0.2), (4, 1))
    config = CutConfig(max_piece_s=6, margin_s=0)
    assert seconds(pieces(wave, RATE, config)) == [(0, 5.01), (5.01, 9.02)]
    assert seconds(pieces(wave, RATE, CutConfig(max_piece_s=5, margin_s=0))) == [(0, 3), (3, 5.01), (5.01, 9.02)]


def test_a_tone_without_a_pause_sounds_all_along() -> None:
    assert seconds(pieces(recording((5, 1)), RATE)) == [(0, 5)]
    lengths = [end - start for start, end in seconds(pieces(recording((50, 1)), RATE, CutConfig(margin_s=0)))]
    assert sum(lengths) == 50
    assert max(lengths) <= 20


def test_a_click_does_not_hide_the_speech() -> None:
    wave = recording((2, 0.002), (0.5, 0), (2, 0.002), noise=1e-6)
    wave[8000] = 1
    assert seconds(pieces(wave, RATE)) == [(0, 2.1), (2.4, 4.5)]


def test_ten_seconds_of_speech_in_ten_minutes_is_found() -> None:
    wave = recording((300, 0), (5, 1), (1, 0), (5, 1), (300, 0))
    assert seconds(pieces(wave, RATE)) == [(299.9, 305.1), (305.9, 311.1)]


def test_noise_is_told_from_speech_above_it() -> None:
    wave = recording((1, 0), (2, 1), (1, 0), (2, 1), (1, 0), noise=0.05)
    assert seconds(pieces(wave, RATE)) == [(0.9, 3.1), (3.9, 6.1)]


@pytest.mark.parametrize("num_timesteps", [0, 1, 79, 80, 81, 100_000])
def test_digital_silence_has_no_pieces(num_timesteps: int) -> None:
    assert pieces(np.zeros(num_timesteps, np.float32), RATE) == []


@pytest.mark.parametrize("num_timesteps", [1, 2, 80, 81])
def test_the_shortest_waveform_that_sounds_is_one_piece(num_timesteps: int) -> None:
    assert pieces(np.ones(num_timesteps, np.float32), RATE) == [(0, num_timesteps)]


configs = st.builds(
    CutConfig,
    min_silence_s=st.sampled_from([0.01, 0.1, 0.3]),
    min_piece_s=st.sampled_from([0.3, 0.5, 1.0]),
    max_piece_s=st.sampled_from([2.4, 3.3, 20.0]),
    max_silence_s=st.sampled_from([0.3, 2.0]),
    margin_s=st.sampled_from([0.0, 0.05, 0.2]),
)


@settings(deadline=None, max_examples=60)
@given(
    stretches=st.lists(st.tuples(st.floats(0.005, 3), st.sampled_from([0, 0.01, 0.1, 1])), max_size=12),
    noise=st.sampled_from([0, 1e-4, 0.01]),
    config=configs,
)
def test_every_sounding_frame_lies_in_exactly_one_piece(
    stretches: list[tuple[float, float]], noise: float, config: CutConfig
) -> None:
    wave = recording(*stretches, noise=noise)
    spans = pieces(wave, RATE, config)
    energy = energies(wave, HOP)
    sounding = np.repeat(energy >= threshold(energy, 100, config), HOP)[: len(wave)]
    times_taken = np.zeros(len(wave), int)
    for start, end in spans:
        assert 0 <= start < end <= len(wave)
        assert end - start <= config.max_piece_s * RATE
        assert sounding[start:end].any()
        times_taken[start:end] += 1
    assert spans == sorted(spans)
    assert times_taken.max(initial=0) <= 1
    assert np.all(times_taken[sounding] == 1)
    assert pieces(wave * np.float32(0.125), RATE, config) == spans


@pytest.mark.parametrize("rate_hz", [11_025, 22_050, 44_100])
def test_no_piece_is_too_long_where_frames_and_margins_are_no_whole_timesteps(rate_hz: int) -> None:
    config = CutConfig(max_piece_s=3, margin_s=0.3)  # 3,307.5 timesteps at 11,025 Hz
    wave = np.tile(tone(rate_hz, rate_hz), 20)
    wave[::rate_hz] = 0
    padded = np.concatenate([np.zeros(rate_hz, np.float32), wave, np.zeros(rate_hz, np.float32)])
    spans = pieces(padded, rate_hz, config)
    assert max(end - start for start, end in spans) <= 3 * rate_hz
    assert sum(end - start for start, end in spans) >= len(wave)


@given(length_s=st.floats(5, 40), least_s=st.sampled_from([0.5, 1.0, 2.0]), seed=st.integers(0, 99))
def test_what_is_cut_has_parts_of_the_lengths_that_are_allowed(length_s: float, least_s: float, seed: int) -> None:
    energy = np.random.default_rng(seed).random(round(100 * length_s), np.float32)
    parts = splitting.cut(energy, (0, len(energy)), round(100 * least_s), 400)
    assert [start for start, _ in parts] == [0, *(end for _, end in parts[:-1])]
    assert parts[-1][1] == len(energy)
    assert all(100 * least_s <= end - start <= 400 for start, end in parts)


def test_memory_does_not_grow_with_the_recording() -> None:
    wave = np.tile(recording((3, 1), (0.5, 0)), 300)  # 17 minutes, 34 MB
    tracemalloc.start()
    assert len(pieces(wave, RATE)) == 300
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6


def test_utterances_one_after_the_other_are_cut_apart_and_inside(shared_data: Path) -> None:
    files = sorted((shared_data / "LJSpeech-1.1" / "wavs").glob("*.wav"))[:12]
    waves = [decode(file, 100).waveform for file in files]
    pause = np.zeros(2 * 22_050, np.float32)  # longer than any silence that pieces are joined over
    joined = np.concatenate([part for wave in waves for part in (wave, pause)])
    ends = np.cumsum([len(wave) + len(pause) for wave in waves])
    spans = pieces(joined, 22_050)
    assert len(spans) >= len(waves)
    for start, end in spans:
        assert 0.2 < (end - start) / 22_050 <= 20
        sounds_from, sounds_to = start + 2205 + 221, end - 2205 - 221  # but for the margins and a frame
        assert np.searchsorted(ends, sounds_from) == np.searchsorted(ends, sounds_to)


@pytest.mark.parametrize(
    "given_",
    [{"min_silence_s": 0.0}, {"margin_s": -1.0}, {"max_piece_s": 2.0}, {"min_piece_s": 0.2}, {"below_loud_db": 5.0}],
)
def test_settings_that_contradict_are_refused(given_: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        CutConfig(**given_)
