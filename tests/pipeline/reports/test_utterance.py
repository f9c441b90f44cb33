import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pipeline.reports.style import VERMILION
from pipeline.reports.utterance import (
    DOTS_PER_INCH,
    NARROWEST_INCH,
    WIDEST_INCH,
    Uttered,
    draw_f0,
    draw_phones,
    utterance_png,
)

RATE_HZ = 4000
WAVE = np.sin(np.arange(RATE_HZ) * 0.5).astype(np.float32)
ONE = Uttered(WAVE, RATE_HZ, ["h", "aɪ", "$x$"], [0.0, 0.25, 0.75], [0.25, 0.75, 1.0], [5.0] * 201, [True] * 201)


def size_of(uttered: Uttered) -> tuple[int, int]:
    with Image.open(io.BytesIO(utterance_png(uttered))) as picture:
        return picture.size


def test_a_longer_one_is_wider_up_to_a_width_and_pitch_takes_room() -> None:
    width, height = size_of(ONE)
    assert width == NARROWEST_INCH * DOTS_PER_INCH
    long = Uttered(np.tile(WAVE, 30), RATE_HZ, ["a"], [0.0], [30.0])
    widest, lower = size_of(long)
    assert widest == WIDEST_INCH * DOTS_PER_INCH
    assert lower < height


def test_the_same_utterance_is_the_same_picture() -> None:
    assert utterance_png(ONE) == utterance_png(ONE)


def test_each_phone_stands_in_the_middle_of_its_time() -> None:
    axes = Figure().add_subplot()
    draw_phones(axes, ONE)
    assert [(text.get_text(), text.get_position()[0]) for text in axes.texts] == [
        ("h", 0.125),
        ("aɪ", 0.5),
        ("$x$", 0.875),
    ]


def test_pitch_is_drawn_through_where_it_is_voiced() -> None:
    axes = Figure().add_subplot()
    voiced = [True] * 100 + [False] * 101
    draw_f0(axes, Uttered(WAVE, RATE_HZ, [], [], [], [np.log(120)] * 201, voiced))
    (line,) = (line for line in axes.lines if line.get_color() == VERMILION)
    values = np.asarray(line.get_ydata())
    assert values[:100] == pytest.approx(np.full(100, 120))
    assert np.isnan(values[100:]).all()
