"""An utterance from a corpus's own times (TextGrid, .phn and .wrd, HTS labels).

A phone belongs to the word that sounds at its middle. Phones of no word (a corpus without words, a noise between them)
make a word without text; but a glottal stop, which TIMIT's .wrd leaves out before a vowel, begins the word after it. Of
punctuation such times know nothing: a phrase ends at a pause between two words.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from pipeline.items import TimedPhone, TimedWord
from pipeline.speech import arpabet
from pipeline.speech.phone_tokens import marked_stress
from pipeline.speech.spans import SILENCE_LABELS
from pipeline.speech.syllables import stressed, syllable_ends
from pipeline.speech.utterance import Phone, Utterance, Word

Run = tuple[str, list[str]]
"""The text of a word and its symbols as the corpus writes them."""

STRESS_MARKS = str.maketrans("", "", "ˈˌ")

GLOTTAL_STOPS = frozenset({"q", "ʔ"})

NO_WORD = -1
PAUSE = -2


def utterance_of_times(
    phones: Sequence[TimedPhone], words: Sequence[TimedWord], language: str = "en"
) -> tuple[Utterance, list[int | None]]:
    """The utterance, and for each of the phones its place in `utterance.phones`, None for a pause (`SILENCE_LABELS`).

    Phones and words in order of time; words that are pauses, or hold no phone, are passed over. A symbol stands
    without its mark of stress (AH0 is AH, ˈæ is æ): that goes to its syllable. Syllables by maximal onset
    (`syllables.py`), the symbols read as ARPAbet or IPA, as `arpabet.is_arpabet` finds them.
    """
    owners = owners_of(phones, words)
    is_arpabet = arpabet.is_arpabet([one.phone for one, owner in zip(phones, owners, strict=True) if owner != PAUSE])
    phrases: list[list[Word]] = [[]]
    for owner, run in runs(phones, owners):
        if owner == PAUSE:
            phrases.append([])
        else:
            text = words[owner].word if owner != NO_WORD else ""
            phrases[-1].append(Word(text, syllables_of_symbols(run, is_arpabet, language)))
    return Utterance(tuple(tuple(phrase) for phrase in phrases if phrase)), places_of(owners)


def owners_of(phones: Sequence[TimedPhone], words: Sequence[TimedWord]) -> list[int]:
    """For each phone the number of the word that sounds at its middle, `NO_WORD` or `PAUSE`.

    A pause within a word (a closure that was labelled so) is one to the phones, and no end of the word.
    """
    owners: list[int] = []
    spoken = [number for number, word in enumerate(words) if word.word.lower() not in SILENCE_LABELS]
    next_word = 0
    for phone in phones:
        middle_s = (phone.start_s + phone.end_s) / 2
        while next_word < len(spoken) and words[spoken[next_word]].end_s <= middle_s:
            next_word += 1
        is_inside = next_word < len(spoken) and words[spoken[next_word]].start_s <= middle_s
        owners.append(PAUSE if phone.phone.lower() in SILENCE_LABELS else spoken[next_word] if is_inside else NO_WORD)
    return with_glottal_stops(phones, owners)


def with_glottal_stops(phones: Sequence[TimedPhone], owners: Sequence[int]) -> list[int]:
    """The same owners, but a glottal stop of no word is the next phone's, if that belongs to one."""
    return [
        after if owner == NO_WORD and phone.phone in GLOTTAL_STOPS and after >= 0 else owner
        for phone, owner, after in zip(phones, owners, [*owners, NO_WORD][1:], strict=True)
    ]


def runs(phones: Sequence[TimedPhone], owners: Sequence[int]) -> Iterable[tuple[int, list[str]]]:
    """Phones of one word together; a pause within a word is passed over, other pauses come as they stand."""
    numbered = [
        (owner, phone.phone)
        for place, (owner, phone) in enumerate(zip(owners, phones, strict=True))
        if owner != PAUSE or not is_within_word(owners, place)
    ]
    for owner, run in groupby(numbered, key=itemgetter(0)):
        yield owner, [symbol for _, symbol in run]


def is_within_word(owners: Sequence[int], place: int) -> bool:
    """Whether the nearest phones on both sides of a pause belong to the same word."""
    before = next((owner for owner in reversed(owners[:place]) if owner != PAUSE), NO_WORD)
    after = next((owner for owner in owners[place + 1 :] if owner != PAUSE), NO_WORD)
    return before == after != NO_WORD


def places_of(owners: Sequence[int]) -> list[int | None]:
    """Places counted through all phones but the pauses."""
    places: list[int | None] = []
    count = 0
    for owner in owners:
        places.append(None if owner == PAUSE else count)
        count += owner != PAUSE
    return places


def syllables_of_symbols(symbols: Sequence[str], is_arpabet: bool, language: str) -> tuple[tuple[Phone, ...], ...]:
    """A word's symbols in syllables."""
    if is_arpabet:
        phones = [Phone(*arpabet.split_stress(symbol)) for symbol in symbols]
        sounds = [arpabet.sound_of(phone.symbol) for phone in phones]
    else:
        phones = [Phone(symbol.translate(STRESS_MARKS), marked_stress(symbol)) for symbol in symbols]
        sounds = [phone.symbol for phone in phones]
    return stressed(phones, syllable_ends(sounds, language))
