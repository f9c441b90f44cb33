"""Mel-cepstral distortion between two waveforms of one length, frame by frame.

    MCD = 10 √2 / ln 10 · mean over frames of √(Σ_{d=1..24} (c_d − c'_d)²)        in dB

Kubichek 1993, "Mel-cepstral distance measure for objective speech quality assessment". c are the cosine series of the
logarithm of the amplitude over the mel scale, ln A(ω) = c_0/2 + Σ c_d cos(dω); c_0, how loud the frame is, is left out.
By that scale a distortion over all of the series is the root mean square of the difference in dB over the mel bands,
their mean taken away. Here the amplitudes are those of 40 mel bands (`spectra.py`); figures of other analyses (WORLD's
envelope, SPTK's) lie elsewhere, so compare only what one analysis has measured.

Axes: F frame, M mel band, D coefficient.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.against_real.spectra import NUM_MELS

Reals = NDArray[np.float64]

NUM_COEFFICIENTS = 24
CONSTANT = 10 * np.sqrt(2) / np.log(10)
RANGE_DB = 80.0
"""A band lower than this below its item's loudest counts as so low: what is not heard is no distortion."""


def mel_cepstra(mel_db: Reals, num_coefficients: int = NUM_COEFFICIENTS) -> Reals:
    """[F, M] in dB to c_1 and up, [F, D]."""
    heard = np.maximum(mel_db, mel_db.max() - RANGE_DB)
    log_amplitude = heard * (np.log(10) / 20)
    result: Reals = log_amplitude @ cosines(num_coefficients).T
    return result


def distortion_db(one: Reals, other: Reals) -> Reals:
    """The distortion of each frame, [F], between mel cepstra [F, D]."""
    result: Reals = CONSTANT * np.sqrt(((one - other) ** 2).sum(1))
    return result


@cache
def cosines(num_coefficients: int) -> Reals:
    """[D, M]: what takes M values to the coefficients of their cosine series."""
    orders, bands = np.arange(1, num_coefficients + 1)[:, None], np.arange(NUM_MELS)[None, :]
    result: Reals = 2 / NUM_MELS * np.cos(np.pi * orders * (bands + 0.5) / NUM_MELS)
    return result
