"""Measurements to figures: who is near to whom, how different items are, what the classifier says, how copies sound."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pipeline.evaluation.against_real.chosen import ChosenItem
from pipeline.evaluation.against_real.classifier import Classifier, told_right
from pipeline.evaluation.against_real.copies import CopyScore, FrameScore
from pipeline.evaluation.against_real.descriptors import full_scale, unit_of
from pipeline.evaluation.against_real.neighbours import (
    Nearest,
    mean_distance,
    nearer_share,
    query_of,
    rms_distances,
)
from pipeline.evaluation.against_real.result import (
    ClassAccuracy,
    Classification,
    CopyFigures,
    CopySynthesis,
    Diversity,
    Memorisation,
    Neighbour,
)
from pipeline.shards.schema import Conventions

MOST_NEIGHBOURS = 10
"""The nearest pairs that the page names, for eyes and ears."""


def memorisation(
    generated: Sequence[ChosenItem], real: Sequence[ChosenItem], nearest: Nearest, conventions: Conventions
) -> Memorisation:
    """From the nearest training items of the generated, then the real."""
    count = len(generated)
    num_values = generated[0].descriptor.size
    distances = rms_distances(nearest.squares, num_values, full_scale(conventions))
    first = sorted(range(count), key=lambda place: (distances[place], generated[place].item_id))[:MOST_NEIGHBOURS]
    return Memorisation(
        unit=unit_of(conventions),
        generated=float(np.median(distances[:count])),
        real=float(np.median(distances[count:])),
        nearer_share=nearer_share(nearest.squares[:count], nearest.squares[count:]),
        generated_copied_share=float(nearest.is_copied[:count].mean()),
        real_copied_share=float(nearest.is_copied[count:].mean()),
        nearest=tuple(
            Neighbour(generated[place].item_id, nearest.item_ids[place], float(distances[place])) for place in first
        ),
    )


def diversity(
    generated: Sequence[ChosenItem], real: Sequence[ChosenItem], conventions: Conventions
) -> Diversity | None:
    """Of as many of either; None where there are fewer than two to be different."""
    count = min(len(generated), len(real))
    if count < 2:
        return None
    sides = [query_of(items[:count]) for items in (generated, real)]
    ours, theirs = (mean_distance(side.descriptors, full_scale(conventions)) for side in sides)
    our_share, their_share = (len(set(side.digests)) / count for side in sides)
    return Diversity(unit_of(conventions), count, count, ours, theirs, our_share, their_share)


def classification(
    classifier: Classifier, generated: Sequence[ChosenItem], real: Sequence[ChosenItem]
) -> Classification:
    """What the classifier tells right on both sides."""
    ours, theirs = told_right(classifier, generated), told_right(classifier, real)
    by_class = {name: accuracy(ours[name], theirs[name]) for name in classifier.schooling.classes}
    whole = accuracy(total(ours), total(theirs))
    return Classification(len(classifier.schooling.taught), whole, by_class)


def total(counts: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Over all classes."""
    return sum(right for right, _ in counts.values()), sum(number for _, number in counts.values())


def accuracy(generated: tuple[int, int], real: tuple[int, int]) -> ClassAccuracy:
    """(items told right, items) of both sides as shares."""
    ours, theirs = (right / number if number else None for right, number in (generated, real))
    return ClassAccuracy(ours, theirs, generated[1], real[1])


def copy_synthesis(scores: Sequence[CopyScore]) -> CopySynthesis | None:
    """Over all pairs; None where there is none."""
    if not scores:
        return None
    copies = [score.copy for score in scores if score.copy]
    backwards = [score.backwards for score in scores if score.backwards]
    return CopySynthesis(
        num_pairs=len(copies),
        num_frames=sum(score.num_frames for score in copies),
        copy=copy_figures(copies),
        backwards=copy_figures(backwards),
        left_out=dict(sorted(Counter(score.reason for score in scores if score.reason).items())),
    )


def copy_figures(scores: Sequence[FrameScore]) -> CopyFigures:
    """Sums over all frames as means; `math.fsum` is exact, so the order of the pairs is nothing to it."""

    def mean(value: Callable[[FrameScore], float], number: Callable[[FrameScore], int]) -> float | None:
        count = sum(map(number, scores))
        return math.fsum(map(value, scores)) / count if count else None

    squared_hz = mean(lambda score: score.squared_hz, lambda score: score.num_voiced_in_both)
    squared_cents = mean(lambda score: score.squared_cents, lambda score: score.num_voiced_in_both)
    return CopyFigures(
        mel_cepstral_distortion_db=mean(lambda score: score.distortion_db, lambda score: score.num_frames),
        f0_rmse_hz=None if squared_hz is None else math.sqrt(squared_hz),
        f0_rmse_cents=None if squared_cents is None else math.sqrt(squared_cents),
        voicing_error_share=mean(lambda score: score.num_voiced_in_one, lambda score: score.num_pitch_frames),
    )
