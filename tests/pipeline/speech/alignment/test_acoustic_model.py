import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.speech.alignment.acoustic_model import (
    ALWAYS_THERE,
    ANY_CONSONANT,
    ANY_VOWEL,
    TENSORS,
    AcousticModel,
    blank_model,
    model_bytes,
    model_from,
)
from pipeline.speech.alignment.graph import STATES, graph_of
from tests.alignment_builders import utterance


def random_model(num_components: int = 2, num_features: int = 5) -> AcousticModel:
    """A model of two units with one component less in the first state."""
    rng = np.random.default_rng(0)
    blank = blank_model(["k", "æ"], num_features)
    shape = (STATES * len(blank.units), num_components, num_features)
    weights = rng.dirichlet(np.ones(num_components), shape[0])
    weights[0] = [1, *[0] * (num_components - 1)]
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    return replace(
        blank,
        log_weights=log_weights,
        means=rng.standard_normal(shape),
        variances=rng.random(shape) + 0.5,
        floor=np.full(num_features, 0.1),
    )


def test_scores_are_the_logarithms_of_the_mixtures_densities() -> None:
    model = random_model()
    features = np.random.default_rng(1).standard_normal((7, 5)).astype(np.float32)
    scores = model.state_scores(features)
    for f, x in enumerate(features.astype(np.float64)):
        for row in (0, 3, 10):
            means, variances = model.means[row], model.variances[row]
            densities = np.prod(np.exp(-0.5 * (x - means) ** 2 / variances) / np.sqrt(2 * np.pi * variances), axis=1)
            assert scores[f, row] == pytest.approx(np.log(np.exp(model.log_weights[row]) @ densities), abs=1e-9)


def test_states_far_away_have_finite_scores() -> None:
    features = np.full((1, 5), 1e4, np.float32)
    assert np.isfinite(random_model().state_scores(features)).all()


def test_a_long_recording_is_scored_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(2).standard_normal((20, 5)).astype(np.float32)
    whole = random_model().state_scores(features)
    monkeypatch.setattr("pipeline.speech.alignment.acoustic_model.FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(random_model().state_scores(features), whole)
    assert random_model().state_scores(features[:0]).shape == (0, 15)


def test_sounds_that_were_not_learnt_are_scored_as_any_vowel_or_any_consonant() -> None:
    model = random_model()
    names = [model.units[model.unit_number(unit)] for unit in ("k", "æ", "sil", "ʒ", "yː", "ɛ̃", "tɕ", "5")]
    assert names == ["k", "æ", "sil", ANY_CONSONANT, ANY_VOWEL, ANY_VOWEL, ANY_CONSONANT, ANY_CONSONANT]


def test_the_rows_of_a_chain_are_three_a_unit() -> None:
    model = random_model()
    k, vowel = 3 * model.number["k"], 3 * model.number[ANY_VOWEL]
    assert model.rows(graph_of(utterance("k ɔɪ"))).tolist() == [
        0,
        1,
        2,
        k,
        k + 1,
        k + 2,
        *range(vowel, vowel + 3),
        0,
        1,
        2,
    ]


def test_a_model_comes_back_from_its_bytes_bit_for_bit() -> None:
    model = random_model()
    again = model_from(model_bytes(model))
    assert again.units == model.units
    for name in TENSORS:
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert again.digest == model.digest
    assert replace(model, floor=model.floor * 2).digest != model.digest


def test_equal_models_give_equal_bytes_in_another_process() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from tests.pipeline.speech.alignment.test_acoustic_model import random_model\n"
        "print(random_model().digest)"
    )
    root = str(Path(__file__).parents[4])
    found = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == random_model().digest


def test_what_is_no_model_is_told() -> None:
    data = model_bytes(random_model())
    header = int.from_bytes(data[:8], "little")
    other = data.replace(b"ancestral-aligner", b"ancestral-dancers")
    later = data.replace(b'format_version\\": 1', b'format_version\\": 2')
    assert later != data
    for damaged in (b"", data[:100], b"\xff" * 50, data[:-8], data[header + 8 :], other, later):
        with pytest.raises(ModelError, match="OUT/aligner: no aligner of this release"):
            model_from(damaged, "OUT/aligner")


def test_tensors_that_do_not_fit_the_units_are_refused() -> None:
    model = random_model()
    for wrong in (
        replace(model, means=model.means[:-1]),
        replace(model, units=(*model.units, "z")),
        replace(model, units=("a", "b", *model.units[2:])),
        replace(model, floor=model.floor.astype(np.float32)),
    ):
        with pytest.raises(ModelError, match="expected"):
            model_from(model_bytes(wrong))


def test_units_that_are_always_there_come_first_and_once() -> None:
    assert blank_model(["sil", "b", "a", "b"], 2).units == (*ALWAYS_THERE, "a", "b")
    assert blank_model(["a"], 2).is_blank


def test_the_page_in_the_header_is_json_of_one_key() -> None:
    """More keys would stand in an order that changes from run to run."""
    data = model_bytes(random_model())
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert list(header["__metadata__"]) == ["model"]
