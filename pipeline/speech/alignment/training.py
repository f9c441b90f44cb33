"""Training on a corpus in shards: every pass sums the statistics of all of them, and gives the next model.

    blank model ─ first guess of every path ─► one Gaussian a state ─ passes ─► two ─ passes ─► four ─ passes ─► model

A driver is given `sum_over_shards(model)`, which may ask other machines. The sum is exact (`statistics.py`), so the
model depends on the utterances alone, not on how they are cut into shards or who counted.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.speech.alignment.acoustic_model import AcousticModel, blank_model
from pipeline.speech.alignment.align import fit_of, path_of
from pipeline.speech.alignment.features import NUM_FEATURES, Features
from pipeline.speech.alignment.graph import Graph
from pipeline.speech.alignment.statistics import (
    Statistics,
    calibrated,
    maximised,
    no_statistics,
    path_statistics,
    split,
    with_likelihood,
)

SumOverShards = Callable[[AcousticModel], Statistics]


@dataclass(frozen=True)
class TrainingUtterance:
    """Features [F, D], the chain of what is said, and the first guess of its state in each frame [F]."""

    features: Features
    graph: Graph
    start: NDArray[np.intp]


def statistics_of(model: AcousticModel, utterances: Iterable[TrainingUtterance]) -> Statistics:
    """Of the best paths of utterances, added in their order; a blank model takes the first guesses for the best."""
    total = no_statistics(model)
    for utterance in utterances:
        total = total + utterance_statistics(model, utterance)
    return total


def utterance_statistics(model: AcousticModel, utterance: TrainingUtterance) -> Statistics:
    """Of one utterance."""
    rows = model.rows(utterance.graph)
    if model.is_blank:
        return path_statistics(model, utterance.features, rows[utterance.start])
    scores = model.state_scores(utterance.features)
    path = path_of(model, scores, utterance.graph)
    found = path_statistics(model, utterance.features, rows[path.states])
    return with_likelihood(found, path.log_likelihood, fit_of(path, scores))


def train(units: Iterable[str], num_passes: Sequence[int], sum_over_shards: SumOverShards) -> AcousticModel:
    """The model of these units after so many passes with one Gaussian a state, with two, with four, and so on.

    What is usual of durations and likelihoods is taken from one pass more.
    """
    model = blank_model(tuple(units), NUM_FEATURES)
    found = sum_over_shards(model)
    model = maximised(model, found)
    for stage, num in enumerate(num_passes):
        model = split(model, found) if stage else model
        for _ in range(num):
            found = sum_over_shards(model)
            model = maximised(model, found)
    return calibrated(model, sum_over_shards(model))
