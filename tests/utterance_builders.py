"""Utterances at random, for laws that hold for all of them."""

from random import Random

from hypothesis import strategies as st

from pipeline.speech.utterance import Phone, Utterance, Word

SYMBOLS = ["a", "iː", "t", "s", "ŋ", "tʃ"]


SIZES = st.lists(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3), max_size=3)
"""Of an utterance: phrases of words of syllables of so many phones."""


def utterances() -> st.SearchStrategy[Utterance]:
    """A few phrases of a few words of a few syllables, whose phones share its stress."""
    return st.builds(utterance_of, SIZES.filter(bool), st.randoms(use_true_random=False))


def utterance_of(sizes: list[list[list[int]]], random: Random) -> Utterance:
    """An utterance of these sizes."""
    return Utterance(tuple(tuple(word_of(word, random) for word in phrase) for phrase in sizes))


def word_of(sizes: list[int], random: Random) -> Word:
    """A word of syllables of so many phones."""
    stresses = [random.choice([0, 1, 2]) for _ in sizes]
    syllables = (
        tuple(Phone(random.choice(SYMBOLS), stress) for _ in range(size))
        for size, stress in zip(sizes, stresses, strict=True)
    )
    return Word(random.choice(["one", "two", ""]), tuple(syllables))
