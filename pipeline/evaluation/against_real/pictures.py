"""What is counted of a picture: levels by channel, and sums by place, from which the mean picture comes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.batches import image_levels
from pipeline.evaluation.against_real.histograms import Grid
from pipeline.evaluation.against_real.measured import Measure, PictureSums
from pipeline.shards.schema import ImageConventions

Reals = NDArray[np.float64]


def picture_measures(conventions: ImageConventions) -> tuple[Measure, ...]:
    """What is counted, in the order in which it is told."""
    levels = Grid(0, conventions.num_levels, conventions.num_levels)
    return (
        Measure("levels", "bits", levels, conventions.channels, is_of_levels=True),
        Measure("brightness", "of full scale", Grid(0, 1, 512)),
        Measure("contrast", "of full scale", Grid(0, 1, 512)),
    )


def count_picture(row: Mapping[str, Any], conventions: ImageConventions) -> Mapping[str, NDArray[Any]]:
    """The values of a row by measure: levels [C, H·W]; the picture's mean and standard deviation."""
    levels = image_levels(row["levels"], conventions)
    shares = levels / (conventions.num_levels - 1)
    return {
        "levels": levels.reshape(conventions.channels, -1),
        "brightness": np.array([shares.mean()]),
        "contrast": np.array([shares.std()]),
    }


def sums_of(row: Mapping[str, Any], conventions: ImageConventions) -> PictureSums:
    """One picture's."""
    levels = image_levels(row["levels"], conventions).astype(np.int64)
    return PictureSums(1, levels, levels**2)


def mean_picture(sums: PictureSums, conventions: ImageConventions) -> Reals:
    """[C, H, W], over [0, 1]."""
    result: Reals = sums.sums / sums.num_items / (conventions.num_levels - 1)
    return result


def spread_picture(sums: PictureSums, conventions: ImageConventions) -> Reals:
    """The standard deviation at each place, [C, H, W]."""
    mean = sums.sums / sums.num_items
    variance = np.maximum(sums.squares / sums.num_items - mean**2, 0)
    result: Reals = np.sqrt(variance) / (conventions.num_levels - 1)
    return result


def rms(difference: Reals) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(difference**2)))
