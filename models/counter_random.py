"""Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).

Axes: B lane, N position, U uniforms.

A random number here is a function, not the next value of a stream: key (seed, item id), counter (position, channel).
So an item is drawn from the same numbers whatever the batch, the worker, the retry or the restart. Written once with
operators that numpy arrays and torch tensors share; held to the published known answers of Random123.

    key      blake2b of the seed (8 bytes, little-endian) and the item id (UTF-8), 8 bytes: two words of 32 bits
    counter  (position low, position high, channel, block): four words; a block gives four uniforms
"""

import hashlib
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Array = TypeVar("Array", np.ndarray, Tensor)
Words4 = tuple[Array, Array, Array, Array]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
NUM_ROUNDS = 10
WORD = 0xFFFFFFFF
WORDS_PER_BLOCK = 4
BYTES_PER_BLOCK = 16


def philox4x32(counter: Words4[Array], key: tuple[Array, Array]) -> Words4[Array]:
    """Four random words from four counter words and two key words: int64 arrays that broadcast, values in [0, 2^32).

    A product of two words overflows int64, which wraps: the lower 64 bits, all that we take, are right.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(NUM_ROUNDS):
        product0, product1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c2 = (product1 >> 32 & WORD) ^ c1 ^ k0, (product0 >> 32 & WORD) ^ c3 ^ k1
        c1, c3 = product1 & WORD, product0 & WORD
        k0, k1 = (k0 + KEY_STEPS[0]) & WORD, (k1 + KEY_STEPS[1]) & WORD
    return c0, c1, c2, c3


def item_key(seed: int, item_id: str) -> tuple[int, int]:
    """The key of one item: two words of 32 bits. The seed is an unsigned 64-bit number; ValueError otherwise."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"a seed is a whole number from 0 to 2^64 - 1, got {seed}")
    digest = hashlib.blake2b(
        seed.to_bytes(8, "little") + item_id.encode(), digest_size=8, person=b"ancestral item"
    ).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def item_keys(seeds_and_ids: Iterable[tuple[int, str]]) -> Tensor:
    """Keys [B, 2] int64 of items given as (seed, item id)."""
    return torch.tensor([item_key(seed, item_id) for seed, item_id in seeds_and_ids], dtype=torch.int64).reshape(-1, 2)


def uniforms(keys: Tensor, positions: Tensor, channels: Tensor, num_uniforms: int) -> Tensor:
    """Uniforms [B, N, num_uniforms] float32 in [0, 1) for keys [B, 2] at positions [N] and channels [N].

    A word gives its upper 24 bits: (w >> 8)·2^-24, exact in float32, at most 1 - 2^-24.
    """
    k0, k1 = keys[:, :1], keys[:, 1:]
    words: list[Tensor] = []
    for block in range(-(-num_uniforms // WORDS_PER_BLOCK)):
        counter = positions & WORD, positions >> 32, channels, torch.full_like(positions, block)
        words.extend(philox4x32(counter, (k0, k1)))
    return (torch.stack(words[:num_uniforms], -1) >> 8).float() * 2.0**-24


def random_bytes(keys: Tensor, channel: int, num_bytes: int) -> Tensor:
    """Random bytes [B, num_bytes] uint8 for keys [B, 2], at positions 0, 1, ... of a channel: 16 from each block.

    Sixteen numbers for the work of four, where eight bits are enough.
    """
    positions = torch.arange(-(-num_bytes // BYTES_PER_BLOCK), device=keys.device)
    nothing = torch.zeros_like(positions)
    words = philox4x32((positions, nothing, nothing + channel, nothing), (keys[:, :1], keys[:, 1:]))
    return torch.stack(words, -1).flatten(1).int().view(torch.uint8)[:, :num_bytes]
