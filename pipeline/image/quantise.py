"""Intensities to fewer levels and back, in equal bins."""

import numpy as np

from pipeline.image.decode import Pixels


def quantise(pixels: Pixels, num_levels: int) -> Pixels:
    """0..255 to levels in [0, num_levels): floor(v · num_levels / 256), bins as equal as integers allow."""
    check_num_levels(num_levels)
    if num_levels == 256:
        return pixels
    return (pixels.astype(np.uint16) * num_levels // 256).astype(np.uint8)


def intensities(levels: Pixels, num_levels: int) -> Pixels:
    """Levels to 0..255, spread evenly from black to white; `quantise` of it gives the levels back."""
    check_num_levels(num_levels)
    level = np.arange(num_levels)
    lowest = -(-256 * level // num_levels)  # the first intensity of each level's bin, and the last
    highest = -(-256 * (level + 1) // num_levels) - 1
    # Where bins are uneven an evenly spread value can lie one beside its own bin.
    table = np.clip(np.rint(255 * level / (num_levels - 1)), lowest, highest).astype(np.uint8)
    return table[levels]


def check_num_levels(num_levels: int) -> None:
    """Levels are stored in one byte, and one level says nothing."""
    if not 2 <= num_levels <= 256:
        raise ValueError(f"num_levels must lie in 2 to 256, got {num_levels}")
