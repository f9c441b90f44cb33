"""A row and what was drawn after it, frame by frame."""

import numpy as np
import pytest

from pipeline.evaluation.against_real.cepstra import distortion_db, mel_cepstra
from pipeline.evaluation.against_real.conclude import copy_synthesis
from pipeline.evaluation.against_real.copies import (
    CopyScore,
    FrameScore,
    Heard,
    Pair,
    by_real_shard,
    frame_score,
    pairs_of,
    score_copies,
    score_copy,
)
from pipeline.evaluation.against_real.measured import Place
from pipeline.evaluation.parts import only
from pipeline.storage import Location
from tests.pipeline.evaluation.against_real.builders import SPEECH, Row, utterance, voice, write

ROW = utterance("v0", voice(120))
RANDOM = np.random.default_rng(2)


def heard(pitch_hz: "list[float]", coefficients: "np.ndarray") -> Heard:
    """Voiced where a pitch is given."""
    hz = np.array(pitch_hz)
    return Heard(coefficients, np.zeros(len(coefficients), bool), (np.log(np.maximum(hz, 1)).astype("f4"), hz > 0))


def test_a_row_is_a_perfect_copy_of_itself_and_not_of_itself_backwards() -> None:
    [score] = [score_copy("v0", ROW, ROW, SPEECH, "dio")]
    assert score.copy is not None
    assert score.backwards is not None
    assert (score.copy.distortion_db, score.copy.squared_hz, score.copy.num_voiced_in_one) == (0, 0, 0)
    assert score.copy.num_voiced_in_both > 40
    assert (score.copy.num_frames, score.copy.num_pitch_frames) == (score.backwards.num_frames, 81)
    assert score.backwards.distortion_db > 0


def test_a_higher_voice_is_heard_to_be_so() -> None:
    """An octave's third: F0 by dio on harmonics is known to a hertz."""
    score = score_copy("v0", ROW, utterance("g", voice(150)), SPEECH, "dio")
    told = copy_synthesis([score])
    assert told is not None
    assert told.copy.f0_rmse_hz == pytest.approx(30, abs=1)
    assert told.copy.f0_rmse_cents == pytest.approx(1200 * np.log2(150 / 120), abs=12)
    assert told.copy.voicing_error_share == pytest.approx(0, abs=0.1)


def test_figures_by_hand() -> None:
    one, offset = RANDOM.normal(0, 1, (4, 24)), np.zeros(24)
    offset[3] = 0.5
    real, other = heard([100, 200, 0, 0, 100], one), heard([110, 0, 0, 90, 100], one + offset)
    score = frame_score(real, other)
    assert score.distortion_db == pytest.approx(4 * 6.14185146 * 0.5, abs=1e-6)
    assert (score.num_frames, score.num_pitch_frames, score.num_voiced_in_both) == (4, 5, 2)
    assert score.num_voiced_in_one == 2
    told = copy_synthesis([CopyScore("a", score, score), CopyScore("b", reason="of another length")])
    assert told is not None
    assert (told.num_pairs, told.num_frames, told.left_out) == (1, 4, {"of another length": 1})
    assert told.copy.mel_cepstral_distortion_db == pytest.approx(3.07092573, abs=1e-6)
    assert told.copy.f0_rmse_hz == pytest.approx(np.sqrt(100 / 2), abs=1e-3)
    assert told.copy.f0_rmse_cents == pytest.approx(1200 * np.log2(1.1) / np.sqrt(2), abs=1e-2)
    assert told.copy.voicing_error_share == pytest.approx(0.4)


def test_silent_frames_are_no_distortion() -> None:
    one, other = RANDOM.normal(0, 1, (2, 24)), RANDOM.normal(0, 1, (2, 24))
    real = Heard(one, np.array([False, True]), None)
    found = frame_score(real, Heard(other, np.array([True, False]), None))
    assert found.distortion_db == pytest.approx(distortion_db(one[:1], other[:1])[0])
    assert found.num_frames == 1


def test_without_f0_there_is_a_distortion_alone() -> None:
    told = copy_synthesis([score_copy("v0", ROW, utterance("g", voice(150)), SPEECH, None)])
    assert told is not None
    assert told.copy.mel_cepstral_distortion_db is not None
    assert told.copy.mel_cepstral_distortion_db > 1
    assert (told.copy.f0_rmse_hz, told.copy.f0_rmse_cents, told.copy.voicing_error_share) == (None, None, None)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"num_timesteps": 3}, "of another length"),
        ({"phone": None}, "without phones"),
        ({"phone": ["a", "c"]}, "of other phones"),
        ({"phone_end": [1598, 3200]}, "with phones at other times"),
        ({"phone_end": [1599, 3200]}, ""),
    ],
)
def test_what_is_not_aligned_is_no_copy(other: Row, reason: str) -> None:
    score = score_copy("v0", ROW, {**ROW, **other}, SPEECH, None)
    assert score.reason == reason
    assert (score.copy is None) == bool(reason)


def test_no_pairs_are_no_figures() -> None:
    assert copy_synthesis([]) is None


def test_pairs_are_made_by_id_and_scored_shard_by_shard(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = Location(str(tmp_path_factory.mktemp("copies")))
    real = write(root / "real", [utterance(f"v{n}", voice(100 + 20 * n)) for n in range(5)], SPEECH, 2)
    drawn = write(root / "drawn", [utterance(f"v{n}-0000", voice(100 + 20 * n)) for n in (4, 0, 3)], SPEECH, 2)
    real_places = {f"v{n}": [Place(n // 2, n % 2)] for n in range(5)}
    drawn_places = {"v4": [Place(0, 0)], "v0": [Place(0, 1)], "v3": [Place(1, 0)], "unknown": [Place(1, 1)]}
    pairs = pairs_of(real_places, drawn_places, 10)
    assert [pair.item_id for pair in pairs] == ["v0", "v3", "v4"]
    assert len(pairs_of(real_places, drawn_places, 2)) == 2
    scores = [
        score
        for shard, some in by_real_shard(pairs)
        for score in score_copies(only(real, [shard]), {0: (drawn, 0), 1: (drawn, 1)}, some, None)
    ]
    assert [(score.item_id, score.copy and score.copy.distortion_db) for score in scores] == [
        ("v0", 0),
        ("v3", 0),
        ("v4", 0),
    ]
    wrong = [Pair("v1", Place(0, 1), Place(0, 1))]
    [other] = score_copies(only(real, [0]), {0: (drawn, 0)}, wrong, None)
    assert other.copy is not None
    assert other.copy.distortion_db > 0


def test_pairs_are_the_same_in_whatever_order_tasks_have_ended() -> None:
    places = [Place(0, 1), Place(2, 0), Place(1, 3)]
    found = [pairs_of({"v0": order}, {"v0": order}, 2) for order in (places, places[::-1])]
    assert found[0] == found[1] == [Pair("v0", Place(0, 1), place) for place in (Place(0, 1), Place(1, 3))]


def test_sums_of_pairs_are_exact_in_any_order() -> None:
    scores = [CopyScore(str(n), FrameScore(1, nats), FrameScore(1, nats)) for n, nats in enumerate((1.0, 1e16, -1e16))]
    found = [copy_synthesis(order) for order in (scores, scores[::-1])]
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].copy.mel_cepstral_distortion_db == pytest.approx(1 / 3)


def test_loudness_alone_is_no_distortion() -> None:
    quiet, loud = (mel_cepstra(RANDOM.uniform(-60, -10, (3, 40)) * 0 - 30 + gain) for gain in (0, 12))
    assert distortion_db(quiet, loud) == pytest.approx(0, abs=1e-9)
