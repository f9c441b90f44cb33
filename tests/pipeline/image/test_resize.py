import numpy as np
import pytest

from pipeline.image.resize import Filter, centred_crop, resize


def test_box_is_the_mean_of_each_area() -> None:
    pixels = np.array([[0, 10, 100, 120], [20, 30, 140, 160]], np.uint8)[:, :, None]
    assert resize(pixels, 1, 2, "box")[:, :, 0].tolist() == [[15, 130]]


@pytest.mark.parametrize("method", ["box", "lanczos"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_even_picture_stays_even(method: Filter, channels: int) -> None:
    pixels = np.full((9, 7, channels), 93, np.uint8)
    resized = resize(pixels, 4, 5, method)
    assert resized.shape == (4, 5, channels)
    assert (resized == 93).all()


def test_another_shape_is_cropped_in_the_middle() -> None:
    assert centred_crop(10, 20, 5, 5) == (5, 0, 15, 10)
    assert centred_crop(20, 10, 5, 5) == (0, 5, 10, 15)
    pixels = np.zeros((4, 8, 1), np.uint8)
    pixels[:, 2:6] = 200
    assert (resize(pixels, 2, 2, "box") == 200).all()


def test_channels_stay_apart() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, :, 1] = 77
    assert resize(pixels, 2, 2)[0, 0].tolist() == [0, 77, 0]


def test_the_right_size_changes_nothing() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    assert resize(pixels, 4, 4) is pixels
