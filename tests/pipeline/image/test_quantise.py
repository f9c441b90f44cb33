import numpy as np
import pytest

from pipeline.image.quantise import intensities, quantise

ALL = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("num_levels", range(2, 257))
def test_levels_survive_the_way_to_intensities_and_back(num_levels: int) -> None:
    levels = np.arange(num_levels, dtype=np.uint8)
    shown = intensities(levels, num_levels)
    assert quantise(shown, num_levels).tolist() == levels.tolist()
    assert shown[[0, -1]].tolist() == [0, 255]


def test_bins_are_equal() -> None:
    assert np.bincount(quantise(ALL, 8)).tolist() == [32] * 8
    assert set(np.bincount(quantise(ALL, 7)).tolist()) == {36, 37}
    assert quantise(ALL, 2)[[127, 128]].tolist() == [0, 1]


def test_256_levels_are_the_intensities() -> None:
    assert quantise(ALL, 256) is ALL
    assert intensities(ALL, 256).tolist() == ALL.tolist()


@pytest.mark.parametrize("num_levels", [1, 257])
def test_a_level_fits_into_a_byte(num_levels: int) -> None:
    with pytest.raises(ValueError, match="2 to 256"):
        quantise(ALL, num_levels)
