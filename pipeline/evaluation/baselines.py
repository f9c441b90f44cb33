"""What there is to beat: all levels alike, and the histogram of the training split."""

import math
from collections.abc import Sequence

from pipeline.shards.commit import Tally
from pipeline.shards.levels import levels_per_bin

TRAIN = "train"


def uniform_bits(num_levels: int) -> float:
    """Bits per level where all levels are alike: log2 K."""
    return math.log2(num_levels)


def marginal_bits(tally: Tally, split: str, num_levels: int) -> float | None:
    """Bits per level of `split` under the training split's histogram; None where there is no training split.

    Each channel has its own: p(level) = (count + 1) / (total + K), add-one smoothing, so that a level which training
    never saw costs much and not everything. Positions are taken to be independent and alike. Levels that share a bin
    of the histogram are taken to be alike (`shards/levels.py`).
    """
    if TRAIN not in tally.histograms:
        return None
    channels = list(zip(tally.histograms[TRAIN], tally.histograms[split], strict=True))
    widths = levels_per_bin(num_levels).tolist()
    bits = math.fsum(cross_entropy_bits(train, held_out, widths) for train, held_out in channels)
    return bits / sum(sum(held_out) for _, held_out in channels)


def cross_entropy_bits(train: Sequence[int], held_out: Sequence[int], widths: Sequence[int]) -> float:
    """Bits for all of `held_out` (counts by bin) under the smoothed histogram `train`; a bin is so many levels."""
    total = sum(train) + len(train)
    return -math.fsum(
        count * math.log2((seen + 1) / total / width)
        for seen, count, width in zip(train, held_out, widths, strict=True)
        if count
    )
