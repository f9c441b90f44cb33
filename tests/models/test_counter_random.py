"""Philox, held to Random123's published answers; keys and uniforms, held to what they gave when they were made."""

import numpy as np
import pytest
import torch

from models.counter_random import item_key, item_keys, philox4x32, uniforms

ONES = 0xFFFFFFFF
# Random123, tests/kat_vectors, philox4x32 with 10 rounds: counter, key, answer.
PUBLISHED = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]

GOLDEN_KEY = (442458475, 2908385683)
GOLDEN_UNIFORMS = [[[15598105, 15142176, 8343553, 12335851, 6281926], [2373746, 15697026, 14458136, 5129033, 2547901]]]


@pytest.mark.parametrize(("counter", "key", "answer"), PUBLISHED)
def test_published_answers_in_torch(
    counter: tuple[int, int, int, int], key: tuple[int, int], answer: tuple[int, ...]
) -> None:
    c0, c1, c2, c3 = (torch.tensor([word]) for word in counter)
    words = philox4x32((c0, c1, c2, c3), (torch.tensor([key[0]]), torch.tensor([key[1]])))
    assert tuple(int(word) for word in words) == answer


@pytest.mark.parametrize(("counter", "key", "answer"), PUBLISHED)
def test_published_answers_in_numpy(
    counter: tuple[int, int, int, int], key: tuple[int, int], answer: tuple[int, ...]
) -> None:
    c0, c1, c2, c3 = (np.array([word], dtype=np.int64) for word in counter)
    words = philox4x32((c0, c1, c2, c3), (np.array([key[0]]), np.array([key[1]])))
    assert tuple(int(word[0]) for word in words) == answer


def test_numpy_and_torch_agree_on_many() -> None:
    words = np.random.default_rng(0).integers(0, 2**32, (6, 5000))
    in_torch = [torch.from_numpy(row) for row in words]
    from_numpy = philox4x32((words[0], words[1], words[2], words[3]), (words[4], words[5]))
    from_torch = philox4x32((in_torch[0], in_torch[1], in_torch[2], in_torch[3]), (in_torch[4], in_torch[5]))
    for ours, theirs in zip(from_numpy, from_torch, strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())


def test_keys_depend_on_seed_and_item_alone() -> None:
    keys = [item_key(seed, item) for seed in (0, 1, 2**64 - 1) for item in ("", "a", "b", "ü/ä", "a" * 1000)]
    assert len(set(keys)) == len(keys)
    assert item_keys([(0, "a"), (1, "b")]).tolist() == [list(item_key(0, "a")), list(item_key(1, "b"))]
    assert all(0 <= word < 2**32 for key in keys for word in key)
    assert item_keys([]).shape == (0, 2)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_is_an_unsigned_64_bit_number(seed: int) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 2\\^64 - 1, got {seed}"):
        item_key(seed, "a")


def test_golden_key_and_uniforms() -> None:
    # These decide every generated dataset: a change here breaks the promise that a seed gives the same items again.
    assert item_key(1234, "speech-000001") == GOLDEN_KEY
    drawn = uniforms(item_keys([(1234, "speech-000001")]), torch.tensor([0, 1]), torch.tensor([0, 2]), 5)
    assert (drawn * 2**24).long().tolist() == GOLDEN_UNIFORMS


def test_uniforms_are_the_upper_24_bits_of_the_words() -> None:
    key, position, channel, zero = item_key(3, "x"), 2**32 + 5, 2, torch.tensor([0])
    got = uniforms(torch.tensor([key]), torch.tensor([position]), torch.tensor([channel]), 6)[0, 0]
    expected: list[float] = []
    for block in (0, 1):
        counter = (zero + 5, zero + 1, zero + channel, zero + block)
        words = philox4x32(counter, (zero + key[0], zero + key[1]))
        expected += [(int(word) >> 8) / 2**24 for word in words]
    assert got.tolist() == expected[:6]


def test_uniforms_fill_the_unit_interval_and_never_reach_one() -> None:
    keys = item_keys([(0, str(item)) for item in range(8)])
    drawn = uniforms(keys, torch.arange(4096), torch.zeros(4096, dtype=torch.int64), 4)
    assert drawn.shape == (8, 4096, 4)
    assert drawn.dtype == torch.float32
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.005)
    counts = torch.histc(drawn, 64, 0, 1)
    assert ((counts - 2048) ** 2 / 2048).sum() < 63 + 4 * (2 * 63) ** 0.5


def test_the_largest_word_gives_a_uniform_below_one() -> None:
    assert torch.tensor((ONES >> 8) * 2.0**-24, dtype=torch.float32) < 1


def test_no_two_places_share_a_number() -> None:
    keys = item_keys([(0, "a"), (0, "b"), (1, "a")])
    places = torch.cartesian_prod(torch.arange(200), torch.arange(3))
    drawn = uniforms(keys, places[:, 0], places[:, 1], 2).flatten()
    # 3,600 numbers of 2^24: by chance 0.4 pairs meet, ten would mean a shared counter.
    assert len(drawn) - len(drawn.unique()) < 10
