"""Names to numbers, and timed phones to frames."""

import numpy as np
import pytest

from pipeline.conditions import NUM_FEATURES, Conditioning, Frames, stack_conditions
from pipeline.errors import RequestError

SPOKEN = Conditioning({"speaker": ("ann", "bob"), "emotion": ("calm", "sad")}, ("a", "b", "sil"), 10)


def test_frames_take_the_phone_at_their_centre() -> None:
    frames = SPOKEN.frames(["a", "b"], [0, 26], [26, 55], 55, "x")
    assert frames.phones.tolist() == [0, 0, 0, 1, 1, 1]  # centres at 5, 15, 25, 35, ...; `a` ends at 26


def test_a_centre_on_an_edge_belongs_to_the_phone_that_begins_there() -> None:
    assert SPOKEN.frames(["a", "b"], [0, 25], [25, 50], 50, "x").phones.tolist() == [0, 0, 1, 1, 1]


def test_the_position_runs_from_start_to_end_of_a_phone() -> None:
    frames = SPOKEN.frames(["a", "b"], [0, 100], [100, 200], 200, "x")
    position = frames.features[:, 0]
    assert position[:10].tolist() == pytest.approx(np.linspace(-0.9, 0.9, 10).tolist(), abs=1e-6)
    assert position[10:].tolist() == pytest.approx(position[:10].tolist(), abs=1e-6)
    assert frames.features.shape == (20, NUM_FEATURES)
    assert frames.features.dtype == np.float32


def test_the_duration_is_the_same_throughout_a_phone_and_grows_with_it() -> None:
    duration = SPOKEN.frames(["a", "b"], [0, 40], [40, 200], 200, "x").features[:, 1]
    assert len(set(duration[:4].tolist())) == 1
    assert duration[0] < duration[-1]


def test_frames_past_the_last_phone_keep_it() -> None:
    assert SPOKEN.frames(["a", "b"], [0, 10], [10, 20], 50, "x").phones.tolist() == [0, 1, 1, 1, 1]


def test_a_phone_of_no_length_gives_finite_features() -> None:
    frames = SPOKEN.frames(["a", "b", "sil"], [0, 10, 10], [10, 10, 30], 30, "x")
    assert np.isfinite(frames.features).all()
    assert frames.phones.tolist() == [0, 2, 2]


def test_cut_and_padded() -> None:
    frames = Frames(np.arange(5), np.arange(10, dtype=np.float32).reshape(5, 2))
    assert frames.cut(1, 3).phones.tolist() == [1, 2]
    assert frames.padded(7).phones.tolist() == [0, 1, 2, 3, 4, 4, 4]
    assert frames.padded(7).features[-1].tolist() == [8, 9]
    assert frames.padded(5).phones.tolist() == frames.phones.tolist()


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


def test_an_unknown_phone_is_named_with_those_known() -> None:
    with pytest.raises(RequestError, match="u7: unknown phone 'zz'; this model knows: a b sil"):
        SPOKEN.frames(["zz"], [0], [10], 10, "u7")


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
