import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.prosody.fitting import fit_prosody
from pipeline.prosody.measured import usable_rows
from pipeline.prosody.pauses import PHRASE, START, WORD
from pipeline.prosody.prosody import Prosody
from pipeline.shards.dataset import Dataset
from pipeline.speech.linguistic import linguistic_columns
from tests.pipeline.generation.tiny_models import ABBA
from tests.pipeline.prosody.prosody_builders import (
    CONVENTIONS,
    HIGHER_IN_B,
    LAST_OF_PHRASE,
    LN_HZ,
    LN_SECONDS,
    OF_BOB,
    RATE_HZ,
    RISE,
    SPACE,
    STRESSED,
    ruled_dataset,
    ruled_rows,
)

SPLITS = ("train", "validation")


def fitted(dataset: Dataset, *, with_pitch: bool = True) -> Prosody:
    prosody = fit_prosody(dataset, SPLITS, SPACE, with_pitch=with_pitch)
    assert prosody is not None
    return prosody


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return ruled_dataset(tmp_path_factory.mktemp("ruled") / "data", ruled_rows())


@pytest.fixture(scope="module")
def prosody(dataset: Dataset) -> Prosody:
    return fitted(dataset)


@pytest.mark.parametrize(("speaker", "slower"), [("ann", 0), ("bob", OF_BOB)])
def test_durations_that_follow_a_rule_are_found_again(prosody: Prosody, speaker: str, slower: float) -> None:
    spoken = prosody.spoken(ABBA, {"speaker": speaker})
    assert spoken.phone == ("sil", "a", "b", "b", "sil", "a", "sil")
    a, b = (LN_SECONDS[phone] + slower for phone in "ab")
    expected = [a + STRESSED, b + STRESSED, b + LAST_OF_PHRASE, a + LAST_OF_PHRASE]
    assert spoken.seconds[[1, 2, 3, 5]] == pytest.approx(np.exp(expected), rel=0.02)
    assert spoken.seconds[[0, 4, 6]] == pytest.approx([math.exp(LN_SECONDS["sil"])] * 3, rel=1e-3)
    assert spoken.linguistic == linguistic_columns(ABBA, [None, 0, 1, 2, None, 3, None])


def test_pauses_are_learned(prosody: Prosody) -> None:
    assert prosody.pauses.shares[START] == prosody.pauses.shares[PHRASE] == 1
    assert prosody.pauses.shares[WORD] == 0


@pytest.mark.parametrize("speaker", ["ann", "bob"])
def test_pitch_that_follows_a_rule_is_found_again(prosody: Prosody, speaker: str) -> None:
    row = {"phone": ["sil", "a", "s", "b"], **linguistic_columns(ABBA, [None, 0, 1, 2])}
    contour = prosody.contour(row, np.array([0, 0.3, 0.6, 0.9]), np.array([0.3, 0.6, 0.9, 1.2]), {"speaker": speaker})
    assert [time_s for time_s, _ in contour] == pytest.approx([0.35, 0.45, 0.55, 0.95, 1.05, 1.15])
    rise = [RISE * point for point in range(3)]
    expected = [LN_HZ[speaker] + up for up in rise] + [LN_HZ[speaker] + HIGHER_IN_B + up for up in rise]
    assert np.log([hz for _, hz in contour]) == pytest.approx(expected, abs=0.03)


def test_where_nothing_is_voiced_there_is_a_pitch_all_the_same(prosody: Prosody) -> None:
    contour = prosody.contour({"phone": ["s"]}, np.array([0.0]), np.array([0.3]), {"speaker": "ann"})
    assert len(contour) == 3
    assert all(50 < hz < 400 for _, hz in contour)


def test_neither_leaves_what_was_seen(prosody: Prosody) -> None:
    assert prosody.pitch is not None
    far = replace(prosody.durations, bias=np.array([9.0]))
    high = replace(prosody.pitch, ridge=replace(prosody.pitch.ridge, bias=np.full(3, 9.0)))
    longest = replace(prosody, durations=far, pitch=high)
    spoken = longest.spoken(ABBA, {"speaker": "ann"})
    codes = SPACE.codes(spoken.phone)[[1, 2, 3, 5]]
    assert np.log(spoken.seconds[[1, 2, 3, 5]]) == pytest.approx(longest.longest[codes])
    row, bounds_s = {"phone": ["a"]}, (np.array([0.0]), np.array([1.0]))
    assert {hz for _, hz in longest.contour(row, *bounds_s, {})} == {math.exp(high.highest)}
    assert longest.seconds({"phone": ["?"]}, {}) == pytest.approx([math.exp(longest.longest[:3].max())])


def test_the_figures_are_those_of_the_held_out_rows(tmp_path: Path) -> None:
    dataset = ruled_dataset(tmp_path / "data", ruled_rows(noise=0.2))
    prosody = fitted(dataset)
    predicted, true = [], []
    for row in usable_rows(dataset, "validation", 10**9):
        is_spoken = np.array(row["phone"]) != "sil"
        predicted += prosody.seconds(row, row)[is_spoken].tolist()
        true += ((row["phone_end"] - row["phone_start"])[is_spoken] / RATE_HZ).tolist()
    figures = prosody.figures
    rmse_s = math.sqrt(np.mean((np.array(predicted) - true) ** 2))
    assert figures["held_out_phones"] == len(true)
    assert figures["duration_rmse_ms"] == pytest.approx(1000 * rmse_s, abs=0.006)
    assert figures["duration_correlation"] == pytest.approx(np.corrcoef(predicted, true)[0, 1], abs=1e-4)
    assert figures["duration_rmse_ms"] < 0.8 * figures["duration_rmse_ms_of_phone_means"]
    assert figures["f0_rmse_semitones"] < 0.5 < figures["f0_rmse_semitones_of_speaker_means"]
    assert figures["voicing_error"] == 0


def test_predicted_lengths_add_up_to_what_recordings_last(tmp_path: Path) -> None:
    dataset = ruled_dataset(tmp_path / "data", ruled_rows(noise=0.5))
    prosody, predicted_s, true_s = fitted(dataset), 0.0, 0.0
    for row in usable_rows(dataset, "train", 10**9):
        is_spoken = np.array(row["phone"]) != "sil"
        predicted_s += prosody.seconds(row, row)[is_spoken].sum()
        true_s += (row["phone_end"] - row["phone_start"])[is_spoken].sum() / RATE_HZ
    assert predicted_s == pytest.approx(true_s, rel=0.04)  # a tenth less without the spread


def test_voicing_that_the_phones_do_not_tell_is_counted(tmp_path: Path) -> None:
    rows = [{**row, "voiced": [True] * len(row["voiced"])} for row in ruled_rows(15)]
    silent = {"train": 0, "validation": 0}
    for row in rows:
        ends = np.array(row["phone_end"])
        times = np.arange(len(row["voiced"])) * 0.005 * RATE_HZ
        which = np.minimum(np.searchsorted(ends, times, side="right"), len(ends) - 1)
        silent[row["split"]] += sum(row["phone"][place] in ("s", "sil") for place in which)
    num_frames = sum(len(row["voiced"]) for row in rows if row["split"] == "validation")
    figures = fitted(ruled_dataset(tmp_path / "data", rows)).figures
    assert figures["voicing_error"] == pytest.approx(silent["validation"] / num_frames, abs=1e-4)


def test_other_shards_give_the_same(dataset: Dataset, prosody: Prosody, tmp_path: Path) -> None:
    other = fitted(ruled_dataset(tmp_path / "data", list(reversed(ruled_rows())), per_shard=3))
    assert np.abs(other.durations.weights - prosody.durations.weights).max() < 1e-8
    assert other.figures == prosody.figures
    assert other.pauses.seconds == pytest.approx(prosody.pauses.seconds)
    again = fitted(dataset)
    assert (again.durations.weights == prosody.durations.weights).all()


def test_times_that_nobody_heard_teach_nothing(tmp_path: Path, dataset: Dataset) -> None:
    rows = ruled_rows()
    train = [row for row in rows if row["split"] == "train"]
    for row, change in zip(train, [{"align_method": "uniform"}, {"align_suspect": "too fast"}], strict=False):
        row |= change
    heard = fitted(ruled_dataset(tmp_path / "some", rows))
    missing = sum(phone != "sil" for row in train[:2] for phone in row["phone"])
    assert heard.figures["fitted_phones"] == fitted(dataset).figures["fitted_phones"] - missing
    guessed = [{**row, "align_method": "uniform"} for row in rows]
    assert fit_prosody(ruled_dataset(tmp_path / "none", guessed), SPLITS, SPACE, with_pitch=True) is None


def test_a_model_that_is_told_no_pitch_learns_none(dataset: Dataset) -> None:
    prosody = fitted(dataset, with_pitch=False)
    assert prosody.pitch is None
    assert "f0_rmse_hz" not in prosody.figures


def test_of_a_large_dataset_a_part_is_read(dataset: Dataset) -> None:
    rows = list(usable_rows(dataset, "train", 60))
    assert 60 <= sum(len(row["phone"]) for row in rows) < 100
    assert dataset.info.conventions == CONVENTIONS
