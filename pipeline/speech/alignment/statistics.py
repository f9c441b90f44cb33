"""What training takes from a corpus, a sum over its frames, and the model that follows from it.

Viterbi EM (Rabiner & Juang's segmental k-means, with soft mixture components): frames belong to the state that the best
path puts them in, and to its components by their posterior. Shards are counted apart and added up.

The sum does not depend on how a corpus is cut into shards or in which order they are added: an utterance's figures
are rounded to multiples of a power of two that float64 adds without an error, up to a hundred hours of speech.

Neither step lowers the likelihood of the best paths: a path is the best for its model, a model the best for its path
among those whose variances keep to the floor. Splitting a component may.

Axes: N state of the model, U unit, M mixture component, D feature, F frame, G run of frames in one state.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.speech.alignment.acoustic_model import ALWAYS_THERE, ANY_VOWEL, AcousticModel, Array
from pipeline.speech.alignment.features import Features
from pipeline.speech.alignment.graph import STATES
from pipeline.speech.alignment.phone_classes import is_vowel
from pipeline.speech.spans import SILENCE

FLOOR_SHARE = 0.2
"""Of the variance of all speech: a Gaussian of a few frames would shrink on them."""

FEWEST_FRAMES = 4.0
"""A component of fewer keeps what it was: less than this says nothing of 39 variances."""

FRAMES_TO_SPLIT = 15.0
"""Frames that each half must have, or a mixture would learn single utterances by heart."""

SPREAD = 0.2
"""How many deviations the halves of a split component start from its mean."""


BITS = {"counts": 26, "first": 18, "second": 10, "log_durations": 26, "fits": 26, "log_likelihood": 16}
"""After the point. Of the 53 of a float64 this leaves 43 for second moments: 2^25 frames of squares of 2^18."""


@dataclass(frozen=True)
class Statistics:
    """Sums over frames, each with the component's posterior: counts [N, M], first and second moments [N, M, D].

    `log_durations` [U, 3] and `fits` [3] hold number, sum and sum of squares: of units' log durations in frames, and of
    utterances' fits (`align.Alignment`). `log_likelihood` (nats) is of all `num_frames`.
    """

    counts: Array
    first: Array
    second: Array
    log_durations: Array
    fits: Array
    log_likelihood: float
    num_frames: int

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def no_statistics(model: AcousticModel) -> Statistics:
    """Of no utterance."""
    moments = np.zeros(model.means.shape)
    num_units = len(model.units)
    return Statistics(moments[..., 0].copy(), moments, moments.copy(), np.zeros((num_units, 3)), np.zeros(3), 0.0, 0)


def path_statistics(model: AcousticModel, features: Features, path: NDArray[np.intp]) -> Statistics:
    """Of one utterance, given the model's state in each frame [F]; its likelihood is not known here."""
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    x = features.astype(np.float64)
    shares = posteriors(model, x, path)
    weighted = shares[..., None] * x[:, None, :]
    found = no_statistics(model)
    states = path[starts]
    np.add.at(found.counts, states, np.add.reduceat(shares, starts))
    np.add.at(found.first, states, np.add.reduceat(weighted, starts))
    np.add.at(found.second, states, np.add.reduceat(weighted * x[:, None, :], starts))
    count_durations(found.log_durations, path)
    return exactly_addable(replace(found, num_frames=len(path)))


def with_likelihood(found: Statistics, log_likelihood: float, fit: float) -> Statistics:
    """The same, with the likelihood of the path in nats and its fit."""
    return exactly_addable(replace(found, log_likelihood=log_likelihood, fits=powers(np.array(fit))))


def exactly_addable(found: Statistics) -> Statistics:
    """The same, rounded so that sums of many are exact."""
    return replace(found, **{name: np.rint(getattr(found, name) * 2**bits) / 2**bits for name, bits in BITS.items()})


def posteriors(model: AcousticModel, x: Array, path: NDArray[np.intp]) -> Array:
    """[F, M]: how likely each component of the path's state has made the frame."""
    if model.means.shape[1] == 1:
        return np.ones((len(path), 1))
    variances = model.variances[path]
    distances = np.square(x[:, None, :] - model.means[path]) / variances + np.log(variances)
    scores = model.log_weights[path] - 0.5 * distances.sum(axis=2)
    likelihoods = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalised: Array = likelihoods / likelihoods.sum(axis=1, keepdims=True)
    return normalised


def count_durations(log_durations: Array, path: NDArray[np.intp]) -> None:
    """Add the durations of a path's units; a unit ends where its last state is left."""
    units, places = path // STATES, path % STATES
    ends = np.flatnonzero((places[:-1] == STATES - 1) & (np.diff(path) != 0)) + 1
    bounds = np.array([0, *ends, len(path)])
    np.add.at(log_durations, units[bounds[:-1]], powers(np.log(np.diff(bounds))))


def powers(values: Array) -> Array:
    """[..., 3]: one, the value, its square: what mean and deviation are made of when summed."""
    return np.stack([np.ones_like(values), values, np.square(values)], axis=-1)


def maximised(model: AcousticModel, found: Statistics) -> AcousticModel:
    """The model that makes the counted frames likeliest; components of too few frames stay as they are.

    In a blank model, whose components are nothing yet, those become what all vowels or all consonants share.
    """
    floor = FLOOR_SHARE * overall_variance(found) if model.is_blank else model.floor
    found = with_shared_units(model, found)
    counts = np.maximum(found.counts, FEWEST_FRAMES)[..., None]
    means = found.first / counts
    variances = np.maximum(found.second / counts - np.square(means), floor)
    is_heard = (found.counts >= FEWEST_FRAMES)[..., None]
    rows = shared_rows(model)
    before_means, before_variances = (
        (means[rows], variances[rows]) if model.is_blank else (model.means, model.variances)
    )
    return replace(
        model,
        floor=floor,
        log_weights=log_weights(model, found),
        means=np.where(is_heard, means, before_means),
        variances=np.where(is_heard, variances, before_variances),
    )


def shared_rows(model: AcousticModel) -> NDArray[np.intp]:
    """[N] for each state the one of all vowels or all consonants."""
    shared = [1 if is_vowel(unit) else 2 for unit in model.units]
    return (STATES * np.array(shared)[:, None] + np.arange(STATES)).ravel()


def with_shared_units(model: AcousticModel, found: Statistics) -> Statistics:
    """The two shared units given the frames of all their members, in one component; without members, of all speech."""
    changed = replace(
        found, counts=found.counts.copy(), first=found.first.copy(), second=found.second.copy(),
        log_durations=found.log_durations.copy(),
    )  # fmt: skip
    vowels = np.array([unit == ANY_VOWEL or (unit not in ALWAYS_THERE and is_vowel(unit)) for unit in model.units])
    speech = np.array([unit != SILENCE for unit in model.units])
    for number, members in ((1, vowels), (2, speech & ~vowels)):
        members = members if found.log_durations[members, 0].any() else speech
        for old, new in ((found.counts, changed.counts), (found.first, changed.first), (found.second, changed.second)):
            by_unit = old.reshape(len(model.units), STATES, *old.shape[1:])[members].sum(axis=(0, 2))
            new[STATES * number : STATES * (number + 1)] = 0
            new[STATES * number : STATES * (number + 1), 0] = by_unit
        changed.log_durations[number] = found.log_durations[members].sum(axis=0)
    return changed


def overall_variance(found: Statistics) -> Array:
    """[D] of all frames together."""
    total = found.counts.sum()
    mean = found.first.sum(axis=(0, 1)) / total
    variance: Array = found.second.sum(axis=(0, 1)) / total - np.square(mean)
    return np.maximum(variance, 1e-6)


def log_weights(model: AcousticModel, found: Statistics) -> Array:
    """[N, M] by the counts; a state without a frame keeps its own, and a component without one is no more."""
    totals = found.counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        heard = np.log(found.counts / np.maximum(totals, 1e-300))
    return np.where(totals > 0, heard, model.log_weights)


def split(model: AcousticModel, found: Statistics) -> AcousticModel:
    """Every component in two, a little apart, where its state has frames enough for one more of each."""
    num_components = np.isfinite(model.log_weights).sum(axis=1)
    is_wide = found.counts.sum(axis=1) >= 2 * num_components * FRAMES_TO_SPLIT
    may_split = (is_wide[:, None] & np.isfinite(model.log_weights))[..., None]
    apart = np.where(may_split, SPREAD * np.sqrt(model.variances), 0)
    halved = model.log_weights - np.where(may_split[..., 0], np.log(2), 0)
    return replace(
        model,
        log_weights=np.concatenate([halved, np.where(may_split[..., 0], halved, -np.inf)], axis=1),
        means=np.concatenate([model.means - apart, model.means + apart], axis=1),
        variances=np.concatenate([model.variances, model.variances], axis=1),
    )


def calibrated(model: AcousticModel, found: Statistics) -> AcousticModel:
    """The model with what is usual of its own paths: durations of units, fits of utterances."""
    found = with_shared_units(model, found)
    return replace(model, log_durations=mean_and_deviation(found.log_durations), fit=mean_and_deviation(found.fits))


def mean_and_deviation(sums: Array) -> Array:
    """[..., 3] of number, sum and sum of squares to [..., 2]; zeros of nothing."""
    number = np.maximum(sums[..., 0], 1)
    mean = sums[..., 1] / number
    return np.stack([mean, np.sqrt(np.maximum(sums[..., 2] / number - np.square(mean), 0))], axis=-1)
