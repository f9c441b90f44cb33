import math
from typing import Any

import numpy as np
import pytest

from pipeline.prosody.held_out import Baselines
from pipeline.prosody.measured import has_pitch, is_usable, pitch_of, times_of
from tests.pipeline.prosody.prosody_builders import CONVENTIONS

ROW: dict[str, Any] = {
    "phone": ["sil", "a", "b"],
    "phone_start": [0, 200, 600],
    "phone_end": [200, 600, 600],
    "align_method": "hmm",
    "align_suspect": None,
    "log_f0": [5 + 0.01 * frame for frame in range(31)],
    "voiced": [frame >= 15 for frame in range(31)],
}
"""4000 Hz, frames of 5 ms: the first phone lasts 10 frames, the second 20, the third nothing."""


def test_times_are_seconds_and_what_lasts_nothing_is_not_spoken() -> None:
    times = times_of(ROW, CONVENTIONS)
    assert times.seconds.tolist() == pytest.approx([0.05, 0.1, 0])
    assert times.is_spoken.tolist() == [False, True, False]


@pytest.mark.parametrize(("first_voiced", "is_voiced"), [(13, True), (14, False), (31, False)])
def test_a_phone_is_voiced_where_all_its_points_are(first_voiced: int, is_voiced: bool) -> None:
    row = {**ROW, "voiced": [frame >= first_voiced for frame in range(31)]}
    log_f0, voiced = pitch_of(row, times_of(row, CONVENTIONS), CONVENTIONS)
    assert voiced.tolist() == [False, is_voiced, False]
    assert log_f0[1] == pytest.approx([5 + 0.01 * (10 + 20 * share) for share in (1 / 6, 1 / 2, 5 / 6)])


def test_what_a_row_must_have() -> None:
    assert is_usable(ROW)
    assert not is_usable({**ROW, "phone": None})
    assert not is_usable({**ROW, "phone_end": [1]})
    assert has_pitch(ROW)
    assert not has_pitch({**ROW, "voiced": [False] * 31})
    assert not has_pitch({**ROW, "log_f0": None})


def test_the_baselines_are_means_of_a_phone_and_of_a_speaker() -> None:
    baselines = Baselines.of(3)
    baselines.add_durations(np.array([0, 0, 1]), np.array([0.1, 0.3, 0.5]))
    assert baselines.seconds_of(np.array([0, 1, 2])).tolist() == pytest.approx([0.2, 0.5, 0.3])
    for speaker, hz in (("ann", 200), ("bob", 100), ("bob", 400)):
        baselines.add_pitch({"speaker": speaker, "log_f0": [math.log(hz), 9.0], "voiced": [True, False]})
    assert baselines.log_f0_of("bob") == pytest.approx(math.log(200))
    assert baselines.log_f0_of("eve") == pytest.approx(math.log(200))
    assert baselines.log_f0_of("ann") == pytest.approx(math.log(200))
    baselines.add_pitch({"speaker": "ann", "log_f0": [math.log(800)], "voiced": [True]})
    assert baselines.log_f0_of("ann") == pytest.approx(math.log(400))
