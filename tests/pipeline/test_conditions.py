"""Names to numbers, and what a model is told of a row."""

from typing import Any

import numpy as np
import pytest

from pipeline.conditions import Conditioning, stack_conditions
from pipeline.errors import RequestError
from pipeline.frames import Frames

SPOKEN = Conditioning({"speaker": ("ann", "bob"), "emotion": ("calm", "sad")}, ("a", "b", "sil"), 10)


def test_attributes_keep_their_order_and_unknown_ones_are_named() -> None:
    assert SPOKEN.attribute_ids({"emotion": "sad", "speaker": "bob"}, "x").tolist() == [1, 1]
    assert SPOKEN.attribute_ids({"emotion": "sad", "speaker": "ann"}, "x").tolist() == [0, 1]
    with pytest.raises(RequestError, match="row 3: speaker 'eve'; this model knows these values of speaker: ann, bob"):
        SPOKEN.attribute_ids({"emotion": "sad", "speaker": "eve"}, "row 3")
    with pytest.raises(RequestError, match="no emotion; this model knows these values of emotion: calm, sad"):
        SPOKEN.attribute_ids({"speaker": "ann"}, "x")


def test_of_many_values_the_first_are_shown() -> None:
    many = Conditioning({"speaker": tuple(f"p{number:03d}" for number in range(50))})
    with pytest.raises(RequestError, match=r"p000, .*p019, \.\.\. \(50 in all\)"):
        many.attribute_ids({"speaker": "x"}, "x")


def test_a_stack_has_what_the_model_is_told_of_and_nothing_else() -> None:
    config = SPOKEN.model_config(8)
    assert (config.attributes, config.num_phones, config.num_features) == ({"speaker": 2, "emotion": 2}, 3, 2)
    assert (config.hop, config.channels) == (10, 8)
    attributes = [np.array([0, 1]), np.array([1, 1])]
    frames = [Frames(np.zeros(4, np.int64), np.zeros((4, 2), np.float32))] * 2
    condition = stack_conditions(SPOKEN, attributes, frames)
    assert condition is not None
    assert condition.attributes is not None
    assert condition.attributes.tolist() == [[0, 1], [1, 1]]
    assert condition.phones is not None
    assert condition.phones.shape == (2, 4)
    assert condition.features is not None
    assert condition.features.shape == (2, 4, 2)
    assert stack_conditions(Conditioning(), [np.zeros(0, np.int64)], []) is None


def test_without_phones_there_is_no_local_condition() -> None:
    assert not Conditioning({"label": ("1",)}).has_local
    assert Conditioning({"label": ("1",)}).model_config(4).num_features == 0


def test_features_are_as_many_as_were_chosen() -> None:
    phones = ("a", "sil")
    assert Conditioning({}, phones, 10).num_features == 2
    assert Conditioning({}, phones, 10, ("stress", "syllables_in_word")).num_features == 4
    assert Conditioning({}, phones, 10, f0=True).num_features == 4
    assert Conditioning({}, phones, 10, ("stress",), True).model_config(8).num_features == 5


def test_each_condition_names_the_columns_that_it_is_made_of() -> None:
    conditioning = Conditioning({"speaker": ("ann",)}, ("a",), 10, ("stress", "words_in_phrase"), True)
    assert conditioning.columns == {
        "speaker": ("speaker",),
        "phones": ("phone", "phone_start", "phone_end"),
        "linguistic": ("stress", "words_in_phrase"),
        "f0": ("log_f0", "voiced"),
    }
    assert Conditioning().columns == {}


@pytest.mark.parametrize("more", [{"linguistic": ("stress",)}, {"f0": True}])
def test_nothing_is_told_of_frames_without_phones(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need phones beside them"):
        Conditioning(**more)


def test_features_that_this_release_does_not_know_are_named() -> None:
    with pytest.raises(ValueError, match="unknown linguistic features creak, moras"):
        Conditioning({}, ("a",), 10, ("stress", "moras", "creak"))
