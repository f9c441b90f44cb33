import numpy as np
import pytest

from pipeline.prosody.features import ENDS, MOST_VALUES, FeatureSpace
from pipeline.shards.schema import POSITIONS
from pipeline.speech.linguistic import linguistic_columns
from tests.pipeline.generation.tiny_models import ABBA

SPACE = FeatureSpace(("a", "b", "sil"), {"speaker": ("ann", "bob"), "emotion": ("calm",)})
ROW = {"phone": ["a", "b", "b", "sil", "a"], **linguistic_columns(ABBA, [0, 1, 2, None, 3])}


def block(x: np.ndarray, name: str, size: int) -> list[list[float]]:
    start = SPACE.starts[name]
    found: list[list[float]] = x[:, start : start + size].tolist()
    return found


@pytest.fixture
def x() -> np.ndarray:
    return SPACE.matrix(ROW, {"speaker": "bob", "emotion": "calm"})


def marks(*codes: int, size: int) -> list[list[float]]:
    return [[float(place == code) for place in range(size)] for code in codes]


def test_a_phone_and_its_neighbours(x: np.ndarray) -> None:
    assert block(x, "phone", 3) == marks(0, 1, 1, 2, 0, size=3)
    assert block(x, "before", 4) == marks(3, 0, 1, 1, 2, size=4)
    assert block(x, "after", 4) == marks(1, 1, 2, 0, 3, size=4)


def test_stress_and_the_end_of_a_phrase(x: np.ndarray) -> None:
    assert block(x, "stress", 2) == marks(0, 0, -1, -1, -1, size=2)
    assert block(x, "stressed", 3) == marks(0, 1, -1, -1, -1, size=3)
    assert block(x, "final", 3) == marks(-1, -1, 1, -1, 0, size=3)


def test_counts_ends_and_places(x: np.ndarray) -> None:
    counts = dict(zip(POSITIONS, np.array(block(x, "counts", len(POSITIONS))).T, strict=True))
    assert counts["words_in_phrase"] == pytest.approx([np.log2(3) / 4] * 3 + [0, 0.25])
    ends = dict(zip(ENDS, np.array(block(x, "ends", len(ENDS))).T.tolist(), strict=True))
    assert ends["word_in_phrase_backward"] == [0, 0, 1, 0, 1]
    places = np.array(block(x, "places", 3)).T.tolist()
    assert places == [[0, 0.25, 0.5, 0.75, 1], [0.5, 0.5, 1, 0, 1], [0.5, 0.5, 0.5, 0, 1]]


def test_attributes_hold_for_every_phone(x: np.ndarray) -> None:
    assert block(x, "attribute speaker", 2) == [[0, 1]] * 5
    assert block(x, "attribute emotion", 1) == [[1]] * 5
    assert SPACE.num_features == SPACE.starts["attribute emotion"] + 1


def test_what_is_not_told_or_not_known_is_zero() -> None:
    x = SPACE.matrix({"phone": ["a", "?"], "stress": None}, {"speaker": "eve"})
    assert block(x, "phone", 3) == marks(0, -1, size=3)
    assert block(x, "after", 4) == marks(-1, 3, size=4)
    assert not x[:, SPACE.starts["stressed"] : SPACE.starts["places"]].any()
    assert not x[:, SPACE.starts["attribute speaker"] :].any()


def test_an_attribute_of_very_many_values_is_left_out() -> None:
    many = tuple(str(number) for number in range(MOST_VALUES + 1))
    assert FeatureSpace(("a",), {"speaker": many}).num_features == FeatureSpace(("a",), {}).num_features
    assert FeatureSpace(("a",), {"speaker": many[1:]}).num_features > MOST_VALUES
