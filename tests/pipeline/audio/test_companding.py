import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.companding import decode_levels, encode, encode_fast, encoding_table
from pipeline.shards.schema import Companding

BOTH: tuple[Companding, ...] = ("mu-law", "linear")


def test_mu_law_gives_the_published_values() -> None:
    x = np.array([-1, 1, 0.6, -0.25, 0.01, 0])
    assert encode(x).tolist() == [0, 255, 243, 32, 157, 128]
    assert encode_fast(x.astype(np.float32)).tolist() == [0, 255, 243, 32, 157, 128]


@pytest.mark.parametrize("companding", BOTH)
@pytest.mark.parametrize("num_levels", [2, 3, 16, 128, 255, 256])
def test_decode_then_encode_gives_every_level_back(companding: Companding, num_levels: int) -> None:
    levels = np.arange(num_levels, dtype=np.uint8)
    values = decode_levels(levels, num_levels, companding)
    assert encode(values, num_levels, companding).tolist() == levels.tolist()
    assert encode_fast(values, num_levels, companding).tolist() == levels.tolist()
    assert np.all(np.diff(values) > 0)
    assert values[[0, -1]].tolist() == [-1, 1]


def test_noise_keeps_its_signal_to_noise_ratio_and_its_mean() -> None:
    x = np.random.default_rng(0).standard_normal(200_000) * 0.02
    error = decode_levels(encode(x)).astype(np.float64) - x
    assert 10 * np.log10(np.mean(x**2) / np.mean(error**2)) == pytest.approx(36.7, abs=0.1)
    assert abs(error.mean()) < 1e-5
    fast_error = decode_levels(encode_fast(x.astype(np.float32))).astype(np.float64) - x
    assert 10 * np.log10(np.mean(x**2) / np.mean(fast_error**2)) == pytest.approx(36.7, abs=0.1)


def test_what_lies_outside_is_clamped() -> None:
    x = np.array([-1e6, -1.0001, 1.0001, 1e6], np.float32)
    assert encode(x).tolist() == encode_fast(x).tolist() == [0, 0, 255, 255]


def test_no_level_is_zero_and_zero_goes_to_the_upper_middle_one() -> None:
    assert np.abs(decode_levels(np.arange(256, dtype=np.uint8))).min() > 0
    assert encode_fast(np.zeros(3, np.float32)).tolist() == [128] * 3


@pytest.mark.parametrize("companding", BOTH)
@given(value=st.integers(-32768, 32767), num_levels=st.integers(2, 256))
def test_the_table_is_the_formula(companding: Companding, value: int, num_levels: int) -> None:
    x = np.array([value / 32768], np.float32)
    assert encode_fast(x, num_levels, companding)[0] == encode(x, num_levels, companding)[0]


@pytest.mark.parametrize("companding", BOTH)
@given(x=st.floats(-1.5, 1.5, width=32))
def test_fast_is_the_formula_on_the_waveform_rounded_to_16_bits(companding: Companding, x: float) -> None:
    rounded = np.clip(np.floor(np.float32(x) * 32768 + np.float32(32768.5)), 0, 65535) - 32768
    assert encode_fast(np.array([x], np.float32), 256, companding)[0] == encode(rounded / 32768, 256, companding)


@given(x=st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_a_louder_value_never_has_a_lower_level(x: list[float]) -> None:
    assert np.all(np.diff(encode(np.sort(x)).astype(int)) >= 0)


def test_linear_levels_are_even() -> None:
    steps = np.diff(decode_levels(np.arange(256, dtype=np.uint8), 256, "linear"))
    assert steps == pytest.approx(2 / 255, rel=1e-4)


def test_tables_are_shared_and_cannot_be_written_into() -> None:
    with pytest.raises(ValueError, match="read-only"):
        encoding_table(256, "mu-law")[0] = 1


@pytest.mark.parametrize("num_levels", [0, 1, 65537])
def test_a_level_fits_into_two_bytes(num_levels: int) -> None:
    with pytest.raises(ValueError, match=f"2 to 65536, got {num_levels}"):
        encode(np.zeros(1), num_levels)


def test_sixteen_bits_are_kept() -> None:
    """All 16-bit values keep their order and, but for two in the middle that share a level, come back as they were."""
    values = np.arange(-32768, 32768)
    levels = encode_fast((values / 32768).astype(np.float32), 65536, "linear")
    assert levels.dtype == np.uint16
    assert np.flatnonzero(np.diff(levels.astype(int)) != 1).tolist() == [32768]
    back = np.rint(decode_levels(levels, 65536, "linear").astype(np.float64) * 32768).astype(int)
    assert np.flatnonzero(back != values).tolist() == [32768]


def test_the_empty_waveform_has_no_levels() -> None:
    assert encode_fast(np.zeros(0, np.float32)).shape == (0,)
