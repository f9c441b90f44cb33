import pytest

from pipeline.speech.alignment.phone_classes import class_of, is_vowel, is_vowel_label, units_of
from pipeline.speech.spans import SILENCE


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("iː", "iy"), ("i", "iy"), ("ˈeɪ", "ey"), ("t͡ʃ", "ch"), ("ɜː", "er"), ("ɑːɹ", "aa"), ("ɐ", "ah"),
        ("AH0", "ah"), ("OW1", "ow"), ("HH", "hh"), ("ax-h", "ah"), ("ix", "ih"), ("axr", "er"), ("hv", "hh"),
        ("nx", "n"), ("ɾ", "dx"), ("dx", "dx"), ("r", "r"), ("ɹ", "r"), ("y", "y"), ("j", "y"),
        ("sp", SILENCE), ("h#", SILENCE), ("", SILENCE), ("sil", SILENCE), ("SIL", SILENCE), ("ʀ", "ʀ"), ("spn", "spn"),
    ],
)  # fmt: skip
def test_labels_of_all_inventories_meet(label: str, name: str) -> None:
    assert class_of(label) == name


def test_tokens_of_several_sounds_come_apart_and_near_ones_together() -> None:
    assert units_of("ɔːɹ") == ("ɔː", "ɹ")
    assert units_of("aɪɚ") == ("aɪ", "ɚ")
    assert units_of("i") == units_of("iː") == ("iː",)
    assert units_of("d͡ʒ") == ("dʒ",)
    assert units_of("ʀ") == ("ʀ",)


def test_vowels_are_vowels_in_every_inventory() -> None:
    assert all(map(is_vowel_label, ["iː", "AH0", "ax-h", "ɔ̃", "õ", "yː", "ɵ", "ɑːɹ", "ER1", "aɪ"]))
    assert not any(map(is_vowel_label, ["k", "HH", "y", "j", "tʃ", "n̩", "sil", "spn", "ŋ", "dx"]))


def test_the_vowel_y_is_a_vowel_where_units_are_meant() -> None:
    assert is_vowel("y")
    assert not is_vowel_label("y")  # ARPAbet's, which is IPA j
