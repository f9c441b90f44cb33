from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.speech.alignment.acoustic_model import AcousticModel, blank_model
from pipeline.speech.alignment.align import Alignment, Span
from pipeline.speech.alignment.features import NUM_FEATURES
from pipeline.speech.alignment.gate import GateConfig, duration_deviations, suspicion, usual_duration
from pipeline.speech.utterance import Utterance
from tests.alignment_builders import utterance

SPOKEN = utterance("k æ t|k æ t|k æ t|k æ t")


@pytest.fixture
def model() -> AcousticModel:
    """Every unit usually lasts 10 frames, give or take a factor of e to the .2; fits are -1 give or take .5."""
    blank = blank_model(["k", "æ", "t"], NUM_FEATURES)
    return replace(blank, log_durations=np.tile([np.log(10), 0.2], (len(blank.units), 1)), fit=np.array([-1.0, 0.5]))


def alignment(lengths: Sequence[float], silence: float = 20, fit: float = -1.0) -> Alignment:
    """Phones that last so many frames, after a silence."""
    edges = np.cumsum([0, silence, *lengths]) / 100
    spans = tuple(
        Span(None if not number else number - 1, float(edges[number]), float(edges[number + 1]))
        for number in range(len(lengths) + 1)
    )
    return Alignment(spans, -50.0, fit, round(edges[-1] * 100))


def judged(found: Alignment, model: AcousticModel, spoken: Utterance = SPOKEN, duration_s: float = 0) -> str:
    return suspicion(found, spoken, model, duration_s or found.spans[-1].end_s, GateConfig())


def test_what_is_usual_raises_no_suspicion(model: AcousticModel) -> None:
    assert judged(alignment([10] * 12), model) == ""
    assert judged(alignment([12, 8] * 6, fit=-4.9), model) == ""


def test_too_much_silence_is_suspect(model: AcousticModel) -> None:
    assert "0.67 of the recording is silence; expected at most 0.6" in judged(alignment([10] * 12, silence=240), model)


def test_one_phone_that_is_stretched_out_of_all_measure_is_suspect(model: AcousticModel) -> None:
    assert "deviations from its usual duration" in judged(alignment([10] * 11 + [60]), model)
    assert judged(alignment([10] * 11 + [30]), model) == ""


def test_some_phones_that_are_odd_together_are_suspect(model: AcousticModel) -> None:
    assert "2 of 12 phones last 3 deviations longer or shorter" in judged(alignment([10] * 10 + [22, 4]), model)
    assert judged(alignment([10] * 11 + [22]), model) == ""


def test_sound_that_fits_no_text_is_suspect(model: AcousticModel) -> None:
    assert "fits the text 5.0 deviations worse" in judged(alignment([10] * 12, fit=-6), model)
    assert judged(alignment([10] * 12, fit=0), model) == ""


@pytest.mark.parametrize("off_s", [-0.02, -0.005, 0.005, 0.02])
def test_frames_and_spans_that_do_not_cover_the_timesteps_are_suspect(model: AcousticModel, off_s: float) -> None:
    found = alignment([10] * 12)
    assert "for a recording of" in judged(found, model, duration_s=found.spans[-1].end_s + off_s)


def test_frames_may_end_up_to_one_hop_after_the_last_timestep(model: AcousticModel) -> None:
    found = alignment([10] * 12)
    assert judged(replace(found, num_frames=found.num_frames + 1), model) == ""
    assert judged(replace(found, num_frames=found.num_frames + 2), model) != ""
    assert judged(replace(found, num_frames=found.num_frames - 1), model) != ""


def test_a_phone_of_two_units_usually_lasts_as_long_as_both(model: AcousticModel) -> None:
    mean, deviation = usual_duration("æɹ", model)
    assert mean == pytest.approx(np.log(10))
    mean, deviation = usual_duration("ɔːɹ", model)
    assert mean == pytest.approx(np.log(20))
    assert deviation == pytest.approx(0.2)


def test_durations_of_a_unit_that_always_lasted_the_same_are_not_taken_at_their_word(model: AcousticModel) -> None:
    narrow = replace(model, log_durations=model.log_durations * [1, 0])
    odd = duration_deviations(alignment([10] * 11 + [12]), SPOKEN, narrow)
    assert 0.5 < odd[-1] < 2
