"""Any item as a small picture of bytes, [C, H, W], so that items can be held against each other.

A picture of up to 32 × 32 is itself, its levels as they are; a larger one is averaged down. An utterance is its mel
bands over 32 places of its length, in decibels below its loudest: the same word said more slowly is the same picture.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.companding import decode_levels
from pipeline.batches import image_levels
from pipeline.evaluation.against_real.spectra import Spectra, spectra_of
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions

Descriptor = NDArray[np.uint8]

LARGEST_SIDE = 32
NUM_PLACES = 32
RANGE_DB = 80.0


def descriptor_of(row: Mapping[str, Any], conventions: Conventions) -> Descriptor:
    """A row's picture; `row` has its levels."""
    if isinstance(conventions, ImageConventions):
        return shrunk(image_levels(row["levels"], conventions))
    levels = unpack_levels(row["levels"], conventions.num_levels)
    waveform = decode_levels(levels, conventions.num_levels, conventions.companding)
    return mel_picture(spectra_of(waveform, conventions.sample_rate_hz))


def full_scale(conventions: Conventions) -> float:
    """What a difference of one in a descriptor is, in the unit of distances: dB, or shares of the range of levels."""
    return RANGE_DB / 255 if isinstance(conventions, AudioConventions) else 1 / (conventions.num_levels - 1)


def unit_of(conventions: Conventions) -> str:
    """The unit of distances between descriptors."""
    return "dB" if isinstance(conventions, AudioConventions) else "of full scale"


def levels_digest(row: Mapping[str, Any]) -> bytes:
    """Equal for rows of equal levels."""
    return hashlib.blake2b(row["levels"], digest_size=16).digest()


def shrunk(picture: NDArray[np.uint8]) -> Descriptor:
    """[C, H, W] to at most 32 × 32, each value the mean of the patch that it stands for."""
    for axis in (1, 2):
        size = picture.shape[axis]
        if size > LARGEST_SIDE:
            edges = np.arange(LARGEST_SIDE + 1) * size // LARGEST_SIDE
            sums = np.add.reduceat(picture.astype(np.float64), edges[:-1], axis=axis)
            shape = [1, 1, 1]
            shape[axis] = LARGEST_SIDE
            picture = np.rint(sums / np.diff(edges).reshape(shape)).astype(np.uint8)
    return picture


def mel_picture(spectra: Spectra) -> Descriptor:
    """[1, 32, M]: straight lines between frames, 255 the loudest, 0 what lies 80 dB below."""
    frames = spectra.mel_db
    at = np.linspace(0, len(frames) - 1, NUM_PLACES)
    before = np.minimum(at.astype(np.int64), max(len(frames) - 2, 0))
    after = np.minimum(before + 1, len(frames) - 1)
    rest = (at - before)[:, None]
    placed = frames[before] * (1 - rest) + frames[after] * rest
    shares = np.clip((placed - placed.max() + RANGE_DB) / RANGE_DB, 0, 1)
    result: Descriptor = np.rint(shares * 255).astype(np.uint8)[None]
    return result
