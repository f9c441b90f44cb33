import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.generation.accept.fingerprint import Seen, of_picture, of_waveform

PRINTS = st.integers(0, 2**64 - 1)


@given(st.lists(PRINTS, max_size=30), PRINTS, st.integers(0, 12), st.lists(st.integers(0, 63), max_size=14))
def test_the_first_near_one_is_found_and_no_other(
    others: list[int], one: int, same_bits: int, flips: list[int]
) -> None:
    """Against looking at all of them; one of them is made near by flipping bits."""
    near = one
    for flip in flips:
        near ^= 1 << flip
    known = [*others, near]
    seen = Seen(same_bits)
    for place, fingerprint in enumerate(known):
        seen.add(f"item {place}", fingerprint)
    expected = [place for place, other in enumerate(known) if (other ^ one).bit_count() <= same_bits]
    assert seen.near(one) == (f"item {expected[0]}" if expected else "")


def test_a_picture_keeps_its_fingerprint_when_it_is_brightened_or_resized() -> None:
    random = np.random.default_rng(3)
    small = random.integers(0, 200, (8, 9, 1)).astype(np.uint8)
    picture = np.kron(small, np.ones((4, 4, 1), np.uint8))
    assert of_picture(picture) == of_picture(picture + 40) == of_picture(np.kron(small, np.ones((8, 8, 1), np.uint8)))
    assert (of_picture(picture) ^ of_picture(picture[:, ::-1])).bit_count() > 20


def test_a_pictures_fingerprint_says_where_it_grows_brighter_to_the_right() -> None:
    ramp = np.tile(np.arange(9, dtype=np.uint8)[None, :, None] * 20, (8, 1, 3))
    assert of_picture(ramp) == 2**64 - 1
    assert of_picture(ramp[:, ::-1]) == 0


def test_a_waveform_keeps_its_fingerprint_when_it_is_louder_or_a_little_noisy() -> None:
    random = np.random.default_rng(4)
    voice, other = (np.convolve(random.normal(size=8000), random.normal(size=40)) * np.hanning(8039) for _ in range(2))
    noisy = voice + 0.01 * random.normal(size=len(voice))
    assert of_waveform(voice, 8000) == of_waveform(2 * voice, 8000)
    assert (of_waveform(voice, 8000) ^ of_waveform(noisy, 8000)).bit_count() < 6
    assert (of_waveform(voice, 8000) ^ of_waveform(other, 8000)).bit_count() > 15


def test_any_length_has_a_fingerprint() -> None:
    assert all(0 <= of_waveform(np.ones(length), 1000) < 2**64 for length in (1, 2, 8, 9, 10, 100))
