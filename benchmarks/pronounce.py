"""Words to phones: each way of ours, words that are new to it, against the library asked with nothing around it.

    python -m benchmarks.pronounce [--rounds N] [--only lexicon] [--record]

`fresh` forgets every word before each round; `known` finds them all in the cache, as most of a corpus does. The ceiling
asks espeak-ng for the same words, each before the number that it is said before, and reads nothing of the answer. That
the answer holds the word's own phones is checked before anything is timed.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.harness import Case, Contestant, main
from pipeline.speech.espeak import phone_groups
from pipeline.speech.espeak_words import CARRIER
from pipeline.speech.lexicon import pronunciations
from pipeline.speech.phone_tokens import phone_token
from pipeline.speech.pronounce import Method, pronounce, spoken_word

LANGUAGE = "en-us"
WORDS_PER_TEXT = 20
NUM_WORDS = 5_000


def words_of(method: Method) -> list[str]:
    """Every so many words of an English lexicon; for the lexicon every second one is changed, so that it must guess."""
    words = sorted(word for word in pronunciations() if word.isalpha())
    some = words[:: len(words) // NUM_WORDS][:NUM_WORDS]
    return some if method == "espeak" else [word if n % 2 else word[::-1] for n, word in enumerate(some)]


def texts_of(words: Sequence[str]) -> list[str]:
    """Texts as long as a sentence."""
    return [" ".join(words[start : start + WORDS_PER_TEXT]) for start in range(0, len(words), WORDS_PER_TEXT)]


def fresh(texts: Sequence[str], method: Method) -> None:
    spoken_word.cache_clear()
    known(texts, method)


def known(texts: Sequence[str], method: Method) -> None:
    for text in texts:
        pronounce(text, LANGUAGE, method)


def asked_only(words: Sequence[str]) -> None:
    for word in words:
        phone_groups(f"{word} {CARRIER}", LANGUAGE)


def check_agreement(words: Sequence[str]) -> None:
    """Refuse a ceiling that says other words than ours."""
    for word in words[::50]:
        ours = [phone.symbol for syllable in spoken_word(word, LANGUAGE, "espeak") for phone in syllable]
        names = (name for group in phone_groups(f"{word} {CARRIER}", LANGUAGE) for name in group)
        theirs = [token for token in map(phone_token, names) if token]
        if theirs[: len(ours)] != ours:
            raise AssertionError(f"{word}: the ceiling says {theirs}, ours {ours}")


def cases() -> Iterator[Case]:
    words = words_of("espeak")
    check_agreement(words)
    ours = Contestant("pronounce", "ours", partial(fresh, texts_of(words), "espeak"), len(words))
    ceiling = Contestant("espeak-ng, asked for them alone", "ceiling", partial(asked_only, words), len(words))
    yield Case(f"espeak, {len(words)} new words", "words", [ours, ceiling])
    ours = Contestant("pronounce", "ours", partial(known, texts_of(words), "espeak"), len(words))
    yield Case(f"espeak, {len(words)} known words", "words", [ours])
    words = words_of("lexicon")
    ours = Contestant("pronounce", "ours", partial(fresh, texts_of(words), "lexicon"), len(words))
    yield Case(f"lexicon, {len(words)} new words, half of them not in it", "words", [ours])


if __name__ == "__main__":
    main("pronounce", cases)
