"""What a comparison's page says is on the report, whatever the page lacks."""

from typing import Any

import pytest

from pipeline.reports.against_real import against_real_cards
from pipeline.reports.page import render_page
from pipeline.reports.subjects import EvaluationSubject, Subjects
from tests.pipeline.reports.subject_builders import HOSTILE, evaluation_page

DISTANCE = {"unit": "dB", "generated": -20.5, "real": -19.0, "distance": 1.51234, "floor": None}
PAGE = {
    "generated": "somewhere/spoken",
    "num_generated": 1200,
    "num_real": 43,
    "distances": {"log_mel": DISTANCE},
    "memorisation": {
        "unit": "dB",
        "generated": 9.0,
        "real": 5.0,
        "nearer_share": 0.25,
        "generated_copied_share": 0.5,
        "real_copied_share": 0.0,
        "nearest": [],
    },
    "diversity": {"unit": "dB", "generated": 8.0, "real": 14.0, "generated_distinct_share": 0.75},
    "classification": {
        "speaker": {"whole": {"generated": 0.5, "real": 1.0}, "by_class": {HOSTILE: {"generated": None, "real": 0.25}}}
    },
    "copy_synthesis": {
        "num_pairs": 43,
        "copy": {"mel_cepstral_distortion_db": 8.77777, "f0_rmse_hz": None},
        "backwards": {"mel_cepstral_distortion_db": 8.5},
    },
    "notes": ["F0 was not estimated."],
}


def subject(against_real: Any) -> EvaluationSubject:
    return EvaluationSubject("voice", evaluation_page(against_real=against_real))


def test_every_figure_stands_on_the_page() -> None:
    text = render_page(Subjects(evaluations=(subject(PAGE),)))
    [found] = against_real_cards([subject(PAGE)])
    assert (found.title, found.subtitle) == (
        "spoken by voice",
        "split validation, 1,200 generated, 43 real items",
    )
    rows = [row for table in found.tables for row in table.rows]
    assert rows == [
        ("log mel", "-20.5", "-19", "1.512", "–", "dB"),
        ("to the nearest training item", "9", "5", "dB"),
        ("nearer than a held-out item", "0.25", "0.5", "share"),
        ("copies of a training item", "0.5", "0", "share"),
        ("between any two", "8", "14", "dB"),
        ("with levels of their own", "0.75", "–", "share"),
        ("speaker", "50.0 %", "100.0 %"),
        (f"speaker {HOSTILE}", "–", "25.0 %"),
        ("mel-cepstral distortion", "8.778", "8.5", "dB"),
        ("F0, RMSE", "–", "–", "Hz"),
        ("F0, RMSE", "–", "–", "cents"),
        ("voiced in one alone", "–", "–", "share"),
    ]
    assert 'id="against-real"' in text
    assert "<td>1.512</td>" in text
    assert "F0 was not estimated." in text
    assert "<script>" not in text


@pytest.mark.parametrize("lacking", [None, {}, [], "odd"])
def test_an_evaluation_without_such_figures_has_no_such_section(lacking: Any) -> None:
    assert "against-real" not in render_page(Subjects(evaluations=(subject(lacking),)))


@pytest.mark.parametrize("name", sorted(PAGE))
@pytest.mark.parametrize("value", [None, 3, "odd", ["odd"], {"odd": "odd"}, {"odd": {"odd": {}}}])
def test_whatever_is_odd_in_it_is_passed_over(name: str, value: Any) -> None:
    [found] = against_real_cards([subject({**PAGE, name: value})])
    assert found.title.endswith("by voice")
