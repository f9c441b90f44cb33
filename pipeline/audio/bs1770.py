"""Integrated loudness as ITU-R BS.1770-4 measures it, and bringing waveforms to one loudness.

A mono waveform counts as one channel of weight 1: two equal channels measure 3 LU more than their mean does.
LUFS is the unit: 0 would be about a full-scale tone of 1 kHz in both channels of two; speech is usually held near -23.
"""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decode import Waveform

ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_DB = -0.691
"""Takes out what the K-weighting adds at 997 Hz."""

QUARTERS_PER_S = 10
"""Blocks of 400 ms start every 100 ms: their sums are made of quarters, each taken once."""

SHELF_HZ, SHELF_DB, SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
HIGH_PASS_HZ, HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773
"""The analogue filters whose bilinear transforms at 48 kHz are the tables 1 and 2 of the recommendation: the response
of the head, and the revised low-frequency B curve (found by De Man 2014; the same numbers stand in libebur128)."""

HISTORY_S = 0.5
"""How much of what came before a stretch is filtered with it: the 38 Hz high-pass has forgotten all else (e^-119)."""

STRETCH_QUARTERS = 200
"""20 s are filtered at a time, so that memory stays bounded on an hour."""

Biquad = tuple[NDArray[np.float64], NDArray[np.float64]]


def integrated_loudness(waveform: Waveform, sample_rate_hz: int) -> float:
    """LUFS of a waveform [T]; -inf where every block lies below -70 LUFS (silence, and less than one timestep).

    K-weighted, in blocks of 400 ms every 100 ms, gated at -70 LUFS and then at 10 LU below the mean of what is left
    (BS.1770-4, annex 1). A block that the end cuts short is left out, as is said there; pyloudnorm rounds their number
    and may count it as if silence followed. Departures: a waveform shorter than 400 ms is one block of what there is;
    at rates that 10 does not divide, blocks begin at the nearest timestep.
    """
    powers = block_powers(waveform, sample_rate_hz)
    heard = powers[powers > power_of(ABSOLUTE_GATE_LUFS)]
    if not heard.size:
        return -math.inf
    loud = heard[heard > heard.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return OFFSET_DB + 10 * math.log10(float(loud.mean()))


def normalise_loudness(
    waveform: Waveform, sample_rate_hz: int, target_lufs: float, peak_ceiling_dbfs: float
) -> Waveform:
    """Scale to `target_lufs`, or less loud where the largest |x| would pass `peak_ceiling_dbfs` (0 is full scale).

    One gain for the whole waveform: where the ceiling binds the gain is reduced, nothing is clipped or compressed. The
    peak is that of the timesteps; between them the sound may rise a little above it. What has no loudness (silence, all
    of it below -70 LUFS) comes back as it is. Stretches below -70 LUFS that the gain lifts above it count afterwards: a
    recording that was that quiet ends up softer than asked for.
    """
    loudness = integrated_loudness(waveform, sample_rate_hz)
    if loudness == -math.inf:
        return waveform
    wanted = 10 ** ((target_lufs - loudness) / 20)
    allowed = 10 ** (peak_ceiling_dbfs / 20) / float(np.abs(waveform).max())
    return waveform * np.float32(min(wanted, allowed))


def power_of(loudness_lufs: float) -> float:
    """The mean square, after K-weighting, that has this loudness."""
    return float(10 ** ((loudness_lufs - OFFSET_DB) / 10))


def block_powers(waveform: Waveform, sample_rate_hz: int) -> NDArray[np.float64]:
    """Mean square of each block after K-weighting."""
    num_quarters = QUARTERS_PER_S * len(waveform) // sample_rate_hz
    if num_quarters < 4:
        weighted = k_weighted(waveform, 0, len(waveform), sample_rate_hz)
        return np.array([weighted.dot(weighted) / len(waveform)]) if len(waveform) else np.zeros(0)
    edges = np.rint(np.arange(num_quarters + 1) * sample_rate_hz / QUARTERS_PER_S).astype(np.int64)
    edges[-1] = min(edges[-1], len(waveform))
    stretches = pairwise([*range(0, num_quarters, STRETCH_QUARTERS), num_quarters])
    sums = np.concatenate(
        [quarter_sums(waveform, edges[first : last + 1], sample_rate_hz) for first, last in stretches]
    )
    powers: NDArray[np.float64] = np.convolve(sums, np.ones(4), "valid") / (edges[4:] - edges[:-4])
    return powers


def quarter_sums(waveform: Waveform, edges: NDArray[np.int64], sample_rate_hz: int) -> NDArray[np.float64]:
    """Sum of squares, after K-weighting, between each pair of neighbouring edges."""
    weighted = k_weighted(waveform, int(edges[0]), int(edges[-1]), sample_rate_hz)
    sums: NDArray[np.float64] = np.add.reduceat(np.square(weighted), edges[:-1] - edges[0])
    return sums


def k_weighted(waveform: Waveform, start: int, end: int, sample_rate_hz: int) -> NDArray[np.float64]:
    """[start, end) of the waveform after both filters, which have heard what came before.

    By a product of spectra. It is circular, but the filters' answers die out within `HISTORY_S`, and that much of what
    came before, or of silence, stands in front and is cut off again.
    """
    history = math.ceil(HISTORY_S * sample_rate_hz)
    before = waveform[max(0, start - history) : start]
    heard = np.concatenate([np.zeros(history - len(before)), before, waveform[start:end]])
    length = 2 ** math.ceil(math.log2(len(heard)))
    spectrum = np.fft.rfft(heard, length) * k_response(sample_rate_hz, length)
    return np.fft.irfft(spectrum, length)[history : len(heard)]


@lru_cache(maxsize=8)  # lengths are powers of two: a corpus has few
def k_response(sample_rate_hz: int, length: int) -> NDArray[np.complex128]:
    """H(e^iω) of both filters, at the frequencies of a real spectrum of `length` timesteps."""
    delays = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    answer = np.ones(len(delays), np.complex128)
    for b, a in (head_shelf(sample_rate_hz), high_pass(sample_rate_hz)):
        answer *= np.polyval(b[::-1], delays) / np.polyval(a[::-1], delays)
    answer.flags.writeable = False
    return answer


def head_shelf(sample_rate_hz: int) -> Biquad:
    """(b, a) of the first stage, a high shelf of 4 dB, by the bilinear transform; table 1 at 48 kHz."""
    k = math.tan(math.pi * SHELF_HZ / sample_rate_hz)
    high = 10 ** (SHELF_DB / 20)
    band = high**0.4996667741545416
    numerator = [high + band * k / SHELF_Q + k * k, 2 * (k * k - high), high - band * k / SHELF_Q + k * k]
    return normalised(numerator, k, SHELF_Q)


def high_pass(sample_rate_hz: int) -> Biquad:
    """(b, a) of the second stage, likewise; table 2 at 48 kHz, whose numerator is 1, -2, 1 whatever the rate."""
    _, denominator = normalised([1, -2, 1], math.tan(math.pi * HIGH_PASS_HZ / sample_rate_hz), HIGH_PASS_Q)
    return np.array([1.0, -2.0, 1.0]), denominator


def normalised(numerator: list[float], k: float, q: float) -> Biquad:
    """Both over a0, with the poles that frequency and Q give."""
    first = 1 + k / q + k * k
    return np.array(numerator) / first, np.array([first, 2 * (k * k - 1), 1 - k / q + k * k]) / first
