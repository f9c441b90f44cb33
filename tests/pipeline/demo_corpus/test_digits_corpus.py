import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.corpora.detect import find_layout
from pipeline.demo_corpus.digits import TEST_EVERY, DigitsCorpusConfig, load_counts, make_digits_corpus
from pipeline.errors import MissingExtra
from pipeline.image.quantise import quantise
from pipeline.items import ImageItem
from pipeline.storage import locate


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    assert make_digits_corpus(locate(str(folder)), DigitsCorpusConfig(100)) == 100
    return folder


def test_17_levels_give_back_the_counts_exactly(corpus: Path) -> None:
    counts, classes = load_counts()
    for path in sorted(corpus.rglob("*.png")):
        index = int(path.stem)
        pixels = np.asarray(Image.open(path))
        assert pixels.shape == (8, 8)
        np.testing.assert_array_equal(quantise(pixels, 17), counts[index])
        assert path.parent.name == str(classes[index])


def test_16_levels_merge_8_and_9_alone(corpus: Path) -> None:
    counts, _ = load_counts()
    levels_of: dict[int, set[int]] = {}
    for path in corpus.rglob("*.png"):
        levels = quantise(np.asarray(Image.open(path)), 16)
        for count, level in zip(counts[int(path.stem)].ravel(), levels.ravel(), strict=True):
            levels_of.setdefault(int(level), set()).add(int(count))
    assert {8, 9} in levels_of.values()
    assert sum(len(merged) > 1 for merged in levels_of.values()) == 1


def test_the_folder_is_read_as_pictures_in_ten_classes(corpus: Path) -> None:
    location = locate(str(corpus))
    layout = find_layout(location)
    assert layout.name == "image_folder"
    labels = [item.label for item in layout.items(location) if isinstance(item, ImageItem)]
    assert len(labels) == 100
    assert set(labels) == {str(digit) for digit in range(10)}


def test_every_class_is_held_out_in_part() -> None:
    _, classes = load_counts()
    assert set(classes[::TEST_EVERY]) == set(range(10))


def test_all_there_is_is_1797_pictures() -> None:
    counts, classes = load_counts()
    assert counts.shape == (1797, 8, 8)
    assert (counts.min(), counts.max()) == (0, 16)
    assert len(classes) == 1797


def test_making_it_again_touches_nothing(corpus: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    make_digits_corpus(locate(str(corpus)), DigitsCorpusConfig(100))
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install '.[demo]'")):
        load_counts()
