from dataclasses import fields, replace
from functools import reduce
from operator import add

import numpy as np
import pytest

from pipeline.speech.alignment.acoustic_model import ANY_CONSONANT, ANY_VOWEL, AcousticModel, blank_model
from pipeline.speech.alignment.graph import STATES
from pipeline.speech.alignment.statistics import (
    FLOOR_SHARE,
    FRAMES_TO_SPLIT,
    Statistics,
    calibrated,
    maximised,
    path_statistics,
    split,
    with_likelihood,
)
from pipeline.speech.alignment.training import TrainingUtterance, statistics_of
from tests.alignment_builders import NUM_FEATURES, drawn_utterance, utterance

WORDS = ("k æ t", "t æ k", "s æ t|k iː", "iː t", "s k iː|æ", "k s æ|t iː s")


@pytest.fixture(scope="module")
def heard() -> list[TrainingUtterance]:
    return [drawn_utterance(utterance(text), seed) for seed, text in enumerate(WORDS * 4)]


@pytest.fixture(scope="module")
def first(heard: list[TrainingUtterance]) -> AcousticModel:
    """After the first guess."""
    blank = blank_model(["k", "æ", "t", "s", "iː"], NUM_FEATURES)
    return maximised(blank, statistics_of(blank, heard))


def assert_near(found: np.ndarray, expected: object) -> None:
    """Within what statistics are rounded to."""
    np.testing.assert_allclose(found, np.asarray(expected), atol=1e-7)


def by_hand(heard: list[TrainingUtterance], unit: str, state: int) -> np.ndarray:
    """The frames that the first guesses give to a state."""
    return np.concatenate(
        [
            one.features[[one.graph.units[s // STATES] == unit and s % STATES == state for s in one.start]]
            for one in heard
        ]
    ).astype(np.float64)


def test_the_first_model_has_the_means_and_variances_of_the_guessed_frames(
    heard: list[TrainingUtterance], first: AcousticModel
) -> None:
    for unit, state in (("k", 0), ("æ", 2), ("sil", 1)):
        frames = by_hand(heard, unit, state)
        row = STATES * first.number[unit] + state
        np.testing.assert_allclose(first.means[row, 0], frames.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(first.variances[row, 0], np.maximum(frames.var(axis=0), first.floor), rtol=1e-3)


def test_the_floor_is_a_share_of_all_variance(heard: list[TrainingUtterance], first: AcousticModel) -> None:
    everything = np.concatenate([one.features for one in heard]).astype(np.float64)
    np.testing.assert_allclose(first.floor, FLOOR_SHARE * everything.var(axis=0), rtol=1e-3)
    assert (first.variances >= first.floor).all()


def test_shared_units_hold_the_frames_of_all_their_members(
    heard: list[TrainingUtterance], first: AcousticModel
) -> None:
    for shared, members in ((ANY_VOWEL, ("æ", "iː")), (ANY_CONSONANT, ("k", "t", "s"))):
        frames = np.concatenate([by_hand(heard, unit, 1) for unit in members])
        row = STATES * first.number[shared] + 1
        np.testing.assert_allclose(first.means[row, 0], frames.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(first.variances[row, 0], np.maximum(frames.var(axis=0), first.floor), rtol=1e-3)


def test_a_unit_that_was_never_heard_is_what_its_kin_is(heard: list[TrainingUtterance]) -> None:
    blank = blank_model(["k", "æ", "t", "s", "iː", "ʒ"], NUM_FEATURES)
    model = maximised(blank, statistics_of(blank, heard))
    rows = [STATES * model.number[unit] for unit in ("ʒ", ANY_CONSONANT)]
    np.testing.assert_array_equal(model.means[rows[0]], model.means[rows[1]])


def test_without_a_vowel_any_vowel_is_all_speech() -> None:
    heard = [drawn_utterance(utterance("k s t"), seed) for seed in range(5)]
    blank = blank_model(["k", "s", "t"], NUM_FEATURES)
    model = maximised(blank, statistics_of(blank, heard))
    rows = [STATES * model.number[unit] for unit in (ANY_VOWEL, ANY_CONSONANT)]
    np.testing.assert_array_equal(model.means[rows[0]], model.means[rows[1]])
    assert np.isfinite(model.means).all()


def test_statistics_of_one_two_and_five_shards_are_equal_bit_for_bit(
    heard: list[TrainingUtterance], first: AcousticModel
) -> None:
    """In whatever order they are added."""
    model = split(first, statistics_of(first, heard))
    whole = statistics_of(model, heard)
    for num_shards in (1, 2, 5):
        cut = [heard[number::num_shards] for number in range(num_shards)]
        shards = [statistics_of(model, shard) for shard in cut]
        for total in (reduce(add, shards), reduce(add, reversed(shards))):
            for field in fields(Statistics):
                np.testing.assert_array_equal(getattr(total, field.name), getattr(whole, field.name))


def test_the_likelihood_of_the_best_paths_never_falls_between_splits(
    heard: list[TrainingUtterance], first: AcousticModel
) -> None:
    model, before = first, -np.inf
    for number in range(12):
        found = statistics_of(model, heard)
        assert found.log_likelihood >= before - 1e-6 * abs(found.log_likelihood)
        before = found.log_likelihood
        model = maximised(model, found)
        if number in (3, 7):
            model, before = split(model, found), -np.inf
    assert model.means.shape[1] == 4


def test_counts_are_all_frames(heard: list[TrainingUtterance], first: AcousticModel) -> None:
    found = statistics_of(split(first, statistics_of(first, heard)), heard)
    assert found.num_frames == sum(len(one.features) for one in heard)
    assert found.counts.sum() == pytest.approx(found.num_frames)
    np.testing.assert_allclose(found.first.sum(axis=(0, 1)), sum(one.features.sum(axis=0) for one in heard), rtol=1e-4)


def test_a_component_is_split_where_there_are_frames_for_both_halves(first: AcousticModel) -> None:
    rows = len(first.means)
    counts = np.full((rows, 1), 2 * FRAMES_TO_SPLIT)
    counts[4] -= 1
    nothing = np.zeros((rows, 1, NUM_FEATURES))
    found = Statistics(counts, nothing, nothing, np.zeros((len(first.units), 3)), np.zeros(3), 0.0, 0)
    model = split(first, found)
    assert np.isfinite(model.log_weights).sum(axis=1).tolist() == [1 if row == 4 else 2 for row in range(rows)]
    np.testing.assert_allclose(np.exp(model.log_weights).sum(axis=1), 1)
    np.testing.assert_allclose(model.means[:4].mean(axis=1), first.means[:4, 0])
    np.testing.assert_array_equal(model.means[4, 0], first.means[4, 0])


def test_durations_are_those_of_units_in_the_path(first: AcousticModel) -> None:
    k, s = STATES * first.number["k"], STATES * first.number["s"]
    path = np.array([0, 1, 2, 2, k, k + 1, k + 1, k + 2, k, k + 1, k + 2, s, s + 1, s + 2, s + 2, s + 2])
    features = np.zeros((len(path), NUM_FEATURES), np.float32)
    found = with_likelihood(path_statistics(first, features, path), -10.0, -0.625)
    logs = np.log([4, 3])
    assert_near(found.log_durations[first.number["k"]], [2, logs.sum(), np.square(logs).sum()])
    assert_near(found.log_durations[first.number["s"]], [1, np.log(5), np.log(5) ** 2])
    assert_near(found.fits, [1, -0.625, 0.625**2])
    assert found.log_likelihood == -10


def test_what_is_usual_is_mean_and_deviation(first: AcousticModel) -> None:
    durations = np.zeros((len(first.units), 3))
    durations[first.number["k"]] = [4, 8, 20]
    nothing = np.zeros(first.means.shape)
    found = Statistics(nothing[..., 0], nothing, nothing, durations, np.array([2, -6, 20.0]), 0.0, 0)
    model = calibrated(first, found)
    np.testing.assert_allclose(model.log_durations[model.number["k"]], [2, 1])
    np.testing.assert_allclose(model.log_durations[model.number[ANY_CONSONANT]], [2, 1])
    np.testing.assert_allclose(model.fit, [-3, 1])


def test_components_of_too_few_frames_stay_as_they_are(first: AcousticModel, heard: list[TrainingUtterance]) -> None:
    found = statistics_of(first, heard)
    row = STATES * first.number["t"]
    counts = found.counts.copy()
    counts[row] = 1.0
    model = maximised(first, replace(found, counts=counts))
    np.testing.assert_array_equal(model.means[row], first.means[row])
    np.testing.assert_array_equal(model.variances[row], first.variances[row])
