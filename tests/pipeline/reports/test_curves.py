import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from pipeline.reports.curves import MOST_POINTS, curves_svg, points, thinned
from tests.pipeline.reports.subject_builders import metrics


def test_the_figure_is_xml_with_its_axes_named() -> None:
    svg = curves_svg(metrics(20), "bits per timestep", "one")
    assert ET.fromstring(svg).tag.endswith("svg")
    for label in ("step", "bits per timestep", "training", "held out"):
        assert f">{label}</text>" in svg


def test_it_takes_the_colours_of_the_page_and_asks_nothing_of_the_network() -> None:
    svg = curves_svg(metrics(20), "bits", "one")
    assert "var(--corpus)" in svg
    assert "var(--generated)" in svg
    assert "currentColor" in svg
    assert "#123456" not in svg
    assert not re.findall(r"(?:href|src)=\"https?:", svg)


def test_equal_metrics_give_equal_bytes_and_two_figures_share_no_id() -> None:
    one, other = curves_svg(metrics(20), "bits", "one"), curves_svg(metrics(20), "bits", "other")
    assert one == curves_svg(metrics(20), "bits", "one")
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
    for svg, known in zip((one, other), ids, strict=True):
        assert set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg)) <= known


def test_points_are_the_finite_values_of_a_key() -> None:
    lines: list[dict[str, Any]] = [
        {"step": 1, "train_bits": 8.0},
        {"step": 2, "train_bits": float("nan")},
        {"step": 3},
        {"step": 4, "train_bits": None, "validation_bits": 7.0},
        {"step": 5, "train_bits": 6},
    ]
    np.testing.assert_array_equal(points(lines, "train_bits"), [[1, 8], [5, 6]])
    np.testing.assert_array_equal(points(lines, "validation_bits"), [[4, 7]])


@pytest.mark.parametrize("lines", [[], [{"step": 1}], [{"step": 1, "train_bits": 8.0}]])
def test_a_run_that_has_hardly_begun_has_a_figure(lines: list[dict[str, float]]) -> None:
    assert "<svg" in curves_svg(lines, "bits", "one")


def test_a_long_run_is_thinned_by_means() -> None:
    values = np.stack([np.arange(60_000.0), np.full(60_000, 3.0)], axis=1)
    few = thinned(values)
    assert few.shape == (MOST_POINTS, 2)
    assert (few[:, 1] == 3).all()
    assert few[0, 0] == pytest.approx(49.5)
