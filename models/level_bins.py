"""What Gaussians and logistics give the bins of levels, in logarithms that hold in the tails and in thin bins.

Levels [0, K) stand on [-1, 1], 2 / (K-1) apart. A level's bin reaches half of that to either side of it; the first and
the last bin are open to the outside.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

NARROWEST_SCALE_IN_BINS = 0.1
"""A bin holds all but 6e-7 of a Gaussian this narrow: levels cannot tell a narrower one, and its gradient overflows."""

THIN_BIN = 1e-3
"""Bins thinner than this (in scales, times the distance from the mean) are scored by a series, good to 1e-13 there."""


def bounded(log_scale: Tensor, num_levels: int) -> Tensor:
    """The log scale, kept from going below what the levels can tell apart."""
    return log_scale.clamp(min=math.log(NARROWEST_SCALE_IN_BINS * 2 / (num_levels - 1)))


def standardised_bin(value: Tensor, mean: Tensor, log_scale: Tensor, num_levels: int) -> tuple[Tensor, Tensor]:
    """Both ends of the bins of scaled levels, in scales from the mean: -inf below the first bin, +inf above the last.

    A value belongs to the first or the last bin when it is nearer to it than to any other, as `nearest_level` has it.
    """
    centre, half_width, inverse_scale = value.to(mean.dtype) - mean, 1 / (num_levels - 1), torch.exp(-log_scale)
    lower = (centre - half_width) * inverse_scale
    upper = (centre + half_width) * inverse_scale
    return (
        lower.masked_fill(value < half_width - 1, -math.inf),
        upper.masked_fill(value > 1 - half_width, math.inf),
    )


def log_gaussian_between(lower: Tensor, upper: Tensor) -> Tensor:
    """log(Φ(upper) - Φ(lower)) without loss, in either tail and where the two are nearly equal.

    Bins above the mean are mirrored below it, where log Φ keeps its precision. Infinite ends are replaced before
    anything is computed from them, since a gradient through infinity is not a number.
    """
    mirrored = lower + upper > 0
    a, b = torch.where(mirrored, -upper, lower), torch.where(mirrored, -lower, upper)
    open_below, open_above = a == -math.inf, b == math.inf
    a, b = torch.where(open_below, b - 1, a), torch.where(open_above, a + 1, b)
    is_thin = (b - a) * (1 + a.abs()) < THIN_BIN
    log_b: Tensor = torch.special.log_ndtr(b).masked_fill(open_above, 0)
    ratio = (torch.special.log_ndtr(a) - log_b).masked_fill(open_below | is_thin, -1)
    wide = log_b + torch.log(-torch.expm1(ratio)).masked_fill(open_below, 0)
    return torch.where(is_thin, log_gaussian_in_thin_bin(a, b), wide)


def log_gaussian_in_thin_bin(a: Tensor, b: Tensor) -> Tensor:
    """The log of ∫φ over a bin of width w about m, by its series: φ(m)·w·(1 + (m² - 1)w²/24 + ...)."""
    middle, width = (a + b) / 2, b - a
    return torch.log(width) + (middle**2 - 1) * width**2 / 24 - middle**2 / 2 - 0.5 * math.log(2 * math.pi)


def log_logistic_bin(value: Tensor, mean: Tensor, log_scale: Tensor, num_levels: int) -> Tensor:
    """The log of what a discretised logistic gives the bins of scaled levels; the log scale is kept in bounds here."""
    log_scale = bounded(log_scale, num_levels)
    width = 2 / (num_levels - 1) * torch.exp(-log_scale)
    return log_logistic_between(*standardised_bin(value, mean, log_scale, num_levels), width)


def log_logistic_between(lower: Tensor, upper: Tensor, width: Tensor) -> Tensor:
    """log(σ(upper) - σ(lower)) = log σ(upper) + log σ(-lower) + log(1 - e^-width), exact in both tails.

    The width of the bin is given: as upper - lower it would be rounded away, in float32, where bins are thin or the
    mean is far off. It is kept above zero, which a very wide scale would make of it.
    """
    open_ended = torch.isinf(lower) | torch.isinf(upper)
    width = width.clamp(min=torch.finfo(width.dtype).tiny).masked_fill(open_ended, 1)
    log_upper = F.logsigmoid(upper.masked_fill(upper == math.inf, 0)).masked_fill(upper == math.inf, 0)
    log_lower = F.logsigmoid(-lower.masked_fill(lower == -math.inf, 0)).masked_fill(lower == -math.inf, 0)
    return log_upper + log_lower + torch.log(-torch.expm1(-width)).masked_fill(open_ended, 0)
