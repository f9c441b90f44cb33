"""The contestants of a benchmark say the same words, and one that does not is found."""

import pytest

from benchmarks import pronounce
from pipeline.speech.espeak import phone_groups
from pipeline.speech.lexicon import pronunciations


def test_contestants_agree() -> None:
    pronounce.check_agreement(pronounce.words_of("espeak"))


def test_one_that_does_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pronounce, "phone_groups", lambda text, language: phone_groups(f"x{text}", language))
    with pytest.raises(AssertionError, match="the ceiling says"):
        pronounce.check_agreement(["water"] * 50)


def test_half_of_the_lexicon_s_words_are_not_in_it() -> None:
    words = pronounce.words_of("lexicon")
    unknown = sum(word not in pronunciations() for word in words)
    assert 0.4 < unknown / len(words) < 0.6
