"""What is counted of a waveform: levels, mel bands, centroid, loudness, silence, length, and F0 where there is a way.

Every figure is heard in the levels themselves: a generated row's own columns tell what was asked for, not what came.
"""

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.companding import decode_levels
from pipeline.audio.decode import Waveform
from pipeline.evaluation.against_real.config import AgainstRealConfig
from pipeline.evaluation.against_real.histograms import Grid
from pipeline.evaluation.against_real.measured import Measure
from pipeline.evaluation.against_real.spectra import FLOOR_DB, NUM_MELS, Spectra, spectra_of
from pipeline.shards.levels import bin_of, num_bins, unpack_levels
from pipeline.shards.schema import AudioConventions
from pipeline.speech.f0 import Method, log_f0

LONGEST_S = 60.0
HIGHEST_F0_HZ = 1000.0

DECIBELS = Grid(FLOOR_DB, 20, 480)
SHARES = Grid(0, 1, 200)


def waveform_measures(conventions: AudioConventions, method: Method | None) -> tuple[Measure, ...]:
    """What is counted, in the order in which it is told; `method` is F0's."""
    bins = num_bins(conventions.num_levels)
    pitch = (
        Measure("f0", "Hz", Grid(0, HIGHEST_F0_HZ, 500)),
        Measure("voiced_share", "", SHARES),
    )
    return (
        Measure("levels", "bits", Grid(0, bins, bins), is_of_levels=True),
        Measure("log_mel", "dB", DECIBELS, NUM_MELS),
        Measure("centroid", "Hz", Grid(0, conventions.sample_rate_hz / 2, 400)),
        Measure("power", "dB", DECIBELS),
        Measure("silence_share", "", SHARES),
        Measure("duration", "s", Grid(0, LONGEST_S, 6000)),
        *(pitch if method else ()),
    )


def count_waveform(
    row: Mapping[str, Any], conventions: AudioConventions, method: Method | None
) -> Mapping[str, NDArray[Any]]:
    """The values of a row by measure, [S, values] or [values]; one that has none (no voice, no sound) is left out."""
    levels = unpack_levels(row["levels"], conventions.num_levels)
    waveform = decode_levels(levels, conventions.num_levels, conventions.companding)
    spectra = spectra_of(waveform, conventions.sample_rate_hz)
    return {
        "levels": bin_of(levels, conventions.num_levels),
        **spectral_values(spectra),
        "duration": np.array([len(levels) / conventions.sample_rate_hz]),
        **pitch_values(waveform, conventions, method),
    }


def spectral_values(spectra: Spectra) -> dict[str, NDArray[Any]]:
    """Of the frames, and of the item as a whole. A centroid is that of a frame which is not silent."""
    return {
        "log_mel": spectra.mel_db.T,
        "centroid": spectra.centroid_hz[~spectra.silent],
        "power": 10 * np.log10(np.mean(10 ** (spectra.power_db / 10), keepdims=True)),
        "silence_share": np.mean(spectra.silent, keepdims=True),
    }


def pitch_values(waveform: Waveform, conventions: AudioConventions, method: Method | None) -> dict[str, NDArray[Any]]:
    """F0 of the voiced frames, and their share."""
    if method is None:
        return {}
    log_hz, voiced = log_f0(waveform, conventions.sample_rate_hz, method, conventions.features.frame_period_s)
    return {"f0": np.exp(log_hz[voiced]), "voiced_share": np.mean(voiced, keepdims=True)}


def f0_method(conventions: AudioConventions, config: AgainstRealConfig) -> Method | None:
    """How F0 is estimated on both sides: as the config says, else as the dataset was prepared; None where it is not."""
    asked = conventions.features.f0 if config.f0 == "dataset" else config.f0
    known: tuple[Method, ...] = get_args(Method)
    return next((method for method in known if method == asked), None)
