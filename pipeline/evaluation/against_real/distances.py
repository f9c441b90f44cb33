"""Counts of both sides to distances between them, and the floor: the same distance between halves of the real items."""

from collections.abc import Mapping

import numpy as np

from pipeline.evaluation.against_real.histograms import (
    Counts,
    Reals,
    entropy_bits,
    jensen_shannon_bits,
    means,
    shares,
    spreads,
    wasserstein,
)
from pipeline.evaluation.against_real.measured import Measure, Measured, PictureSums
from pipeline.evaluation.against_real.pictures import mean_picture, rms, spread_picture
from pipeline.evaluation.against_real.result import Distance
from pipeline.shards.schema import Conventions, ImageConventions


def distances(
    generated: Measured, real: Measured, measures: tuple[Measure, ...], conventions: Conventions
) -> dict[str, Distance]:
    """Every measure that has values on both sides, in order."""
    ours, theirs = generated.whole, real.whole
    found = {
        measure.name: distance_of(measure, ours.counts[measure.name], theirs.counts[measure.name], real)
        for measure in measures
        if has_values(ours.counts[measure.name]) and has_values(theirs.counts[measure.name])
    }
    if isinstance(conventions, ImageConventions):
        found |= picture_distances(ours.pictures, theirs.pictures, real, conventions)
    return found


def has_values(counts: Counts) -> bool:
    """Whether every series has a value: a mean of none is no figure."""
    return bool(counts.sum(1).all())


def distance_of(measure: Measure, generated: Counts, real: Counts, of_real: Measured) -> Distance:
    """One measure; means over its series."""
    apart = between(measure, generated, real)
    halves = [half.counts[measure.name] for half in of_real.halves]
    floor = float(between(measure, *halves).mean()) if all(map(has_values, halves)) else None
    by_series = tuple(apart.tolist()) if len(apart) > 1 else ()
    if measure.is_of_levels:
        ours, theirs = (float(entropy_bits(shares(counts)).mean()) for counts in (generated, real))
        return Distance(measure.unit, ours, theirs, float(apart.mean()), floor, by_series=by_series)
    return Distance(
        unit=measure.unit,
        generated=float(means(generated, measure.grid).mean()),
        real=float(means(real, measure.grid).mean()),
        distance=float(apart.mean()),
        floor=floor,
        generated_spread=float(spreads(generated, measure.grid).mean()),
        real_spread=float(spreads(real, measure.grid).mean()),
        by_series=by_series,
    )


def between(measure: Measure, one: Counts, other: Counts) -> Reals:
    """The distance of each series."""
    if measure.is_of_levels:
        return jensen_shannon_bits(one, other)
    return wasserstein(one, other, measure.grid)


def picture_distances(
    generated: PictureSums, real: PictureSums, of_real: Measured, conventions: ImageConventions
) -> Mapping[str, Distance]:
    """Root mean square differences between mean pictures, and between pictures of the spread at each place."""
    halves = [half.pictures for half in of_real.halves]
    found = {}
    for name, picture_of in (("mean_picture", mean_picture), ("spread_picture", spread_picture)):
        ours, theirs = picture_of(generated, conventions), picture_of(real, conventions)
        has_both = all(half.num_items for half in halves)
        floor = rms(np.subtract(*(picture_of(half, conventions) for half in halves))) if has_both else None
        found[name] = Distance("of full scale", float(ours.mean()), float(theirs.mean()), rms(ours - theirs), floor)
    return found
