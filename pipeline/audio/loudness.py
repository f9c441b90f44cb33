"""Loudness: where the silence at both ends stops, and bringing peaks to one height."""

import numpy as np

from pipeline.audio.decode import Waveform

FRAME_S = 0.01
"""Energy is taken over frames of 10 ms: shorter than any phone, longer than a period of any voice."""


def sounding_span(waveform: Waveform, sample_rate_hz: int, threshold_db: float, margin_s: float) -> tuple[int, int]:
    """Where an utterance starts and ends: [start, end) in timesteps, `margin_s` of what surrounds it kept.

    A frame of 10 ms sounds if its mean square stands above that of the loudest frame plus `threshold_db` (negative).
    Pauses inside stay. The span of digital silence is empty: (0, 0).
    """
    hop = max(1, round(FRAME_S * sample_rate_hz))
    energy = frame_energy(waveform, hop)
    if not energy.size or not energy.max() > 0:
        return 0, 0
    sounding = np.flatnonzero(energy >= energy.max() * 10 ** (threshold_db / 10))
    margin = round(margin_s * sample_rate_hz)
    start = max(0, int(sounding[0]) * hop - margin)
    end = min(len(waveform), (int(sounding[-1]) + 1) * hop + margin)
    return start, end


def frame_energy(waveform: Waveform, hop: int) -> Waveform:
    """Mean square of each frame of `hop` timesteps; the last frame may be shorter."""
    starts = np.arange(0, len(waveform), hop)
    if not starts.size:
        return np.zeros(0, np.float32)
    sums = np.add.reduceat(np.square(waveform), starts)
    return (sums / np.minimum(hop, len(waveform) - starts)).astype(np.float32)


def normalise_peak(waveform: Waveform, peak_dbfs: float) -> Waveform:
    """Scale so that the largest |x| stands at `peak_dbfs` (0 is full scale); silence stays silence."""
    peak = max(float(waveform.max()), -float(waveform.min())) if waveform.size else 0.0
    if peak == 0:
        return waveform
    return waveform * np.float32(10 ** (peak_dbfs / 20) / peak)
