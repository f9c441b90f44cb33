"""What a dataset's rows can tell a model, as far as it is asked for."""

import pytest

from pipeline.conditions import Conditioning
from pipeline.errors import ConfigError, DatasetError
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.shards.schema import AudioConventions
from pipeline.training.conditioning import conditioning_of, hop_of

AUDIO = AudioConventions(8000, num_levels=16)


def test_the_conditioning_of_a_dataset_is_sorted_and_whole() -> None:
    vocabularies = {"speaker": ["bob", "ann"], "phone": ["sil", "a"], "emotion": []}
    found = conditioning_of(AUDIO, vocabularies, ["speaker", "phones"], 0.005)
    assert found == Conditioning({"speaker": ("ann", "bob")}, ("a", "sil"), 40)
    assert conditioning_of(AUDIO, vocabularies, [], 0.005) == Conditioning()
    everything = conditioning_of(AUDIO, vocabularies, ["f0", "phones", "linguistic"], 0.005)
    assert everything == Conditioning({}, ("a", "sil"), 40, LINGUISTIC_COLUMNS, True, 5.0, 0.5)


@pytest.mark.parametrize("name", ["linguistic", "f0"])
def test_what_is_told_phone_by_phone_is_not_told_without_phones(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"asks for {name} without phones.*ask for \[phones, {name}\]"):
        conditioning_of(AUDIO, {"phone": ["a"]}, [name], 0.005)


def test_a_column_that_no_row_has_is_named_with_those_that_there_are() -> None:
    with pytest.raises(DatasetError, match=r"emotion, which no row has; this dataset offers: phones, speaker\."):
        conditioning_of(AUDIO, {"speaker": ["ann"], "phone": ["a"], "emotion": []}, ["emotion"], 0.005)
    with pytest.raises(DatasetError, match="offers: nothing"):
        conditioning_of(AUDIO, {}, ["phones"], 0.005)


def test_phones_are_asked_for_by_that_name_and_not_by_their_column_s() -> None:
    """A misspelt wish would else be an attribute whose values are lists, which fails at the first batch."""
    with pytest.raises(DatasetError, match=r"asks for phone, .* offers: phones\."):
        conditioning_of(AudioConventions(8000), {"phone": ["a", "sil"]}, ["phone"], 0.005)


def test_a_frame_is_a_whole_number_of_timesteps() -> None:
    assert hop_of(AudioConventions(16000), 0.005) == 80
    with pytest.raises(DatasetError, match="no whole number of timesteps"):
        hop_of(AudioConventions(11025), 0.005)
