"""Words by espeak-ng, each by itself and yet as it is said within a sentence.

Said alone, a word comes out in its strong form: every clause must have a stress, so "a" is ˈeɪ, "to" tuː, the Russian
в ˈvɛ. So it is said before a number that is taken away again (`CARRIERS`), which gives the form within a sentence: ɐ,
tə, v. Of the 124,392 words of an English lexicon 7 change phones by it (a, has, to, ina, misa, nona, reina) and 162
their stress, nearly all of them function words. Departures from running speech: what depends on the next word (the ðɪ
of "the apple", French liaison, a flap across words) is not there, and "a" as a letter's name is ɐ too.
"""

from functools import cache

from pipeline.errors import ConfigError, ItemError
from pipeline.speech.espeak import check_language, phone_groups
from pipeline.speech.phone_tokens import marked_stress, phone_token
from pipeline.speech.utterance import Phone

CARRIER = "2"
"""A number, as every language reads it in its own way."""

CARRIERS = {
    **dict.fromkeys(("ru", "uk", "pl", "cs", "sk", "sl", "bs", "hbs", "hr", "sr", "nl"), "8"),
    **dict.fromkeys(("ca", "pt"), "5"),
}
"""Where another is needed: a number's first sound may change a word's last. Polish dwa makes a d of the t of "kot", and
Dutch twee takes the t of "het" away."""


def check_speaks(language: str) -> None:
    """An ItemError, with the nearest names, unless espeak-ng speaks the language."""
    try:
        check_language(language)
    except ConfigError as error:
        raise ItemError("phones", str(error)) from None


def word_phones(word: str, language: str) -> list[Phone]:
    """A word's phones, each with the stress that is marked on itself; none where nothing of it can be said.

    Said alone where the carrier cannot be told from it.
    """
    carrier, num_taken, last = carrier_of(language)
    phones = marked_phones(f"{word} {carrier}", language)
    is_carried = len(phones) > num_taken > 0 and phones[-1].symbol == last
    return phones[:-num_taken] if is_carried else marked_phones(word, language)


@cache
def carrier_of(language: str) -> tuple[str, int, str]:
    """What a language's words are said before, how many phones it has, and the last of them."""
    carrier = CARRIERS.get(language.split("-")[0], CARRIER)
    phones = marked_phones(carrier, language)
    return carrier, len(phones), phones[-1].symbol if phones else ""


def marked_phones(text: str, language: str) -> list[Phone]:
    """The phones of a text with their stress marks read."""
    names = (name for group in phone_groups(text, language) for name in group)
    return [Phone(token, marked_stress(name)) for name in names if (token := phone_token(name))]
