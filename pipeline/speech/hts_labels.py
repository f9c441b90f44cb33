"""HTS full-context labels of an utterance that has been laid over time.

What is not known is x: accents (a2 b2 c2 b10 b11 b14 b15), parts of speech and what counts by them (d1 e1 f1, e5 to
e8), tones (h5). Secondary stress is stress. b8 and b9 count as the specification says; labels made by Festival have
one more in b9, and never 0 in b8. Distances to stressed syllables stay within the phrase, 0 where there is none. Counts
of a neighbour that is not there are 0. A pause has its neighbours' fields and the utterance's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import ItemError
from pipeline.speech.arpabet import sounds_of
from pipeline.speech.hts_label import NOT_APPLICABLE, Context, Label
from pipeline.speech.linguistic import position
from pipeline.speech.spans import SILENCE
from pipeline.speech.syllables import is_nucleus
from pipeline.speech.utterance import Phone, Utterance, Word

UNITS_PER_S = 10_000_000

SIGNS = frozenset("^-+=@_/&#$!;|[] \t\n")
"""What stands between fields, and so cannot stand in one."""

FIRST_STATE = 2
"""HTK's state 1 is the entry of a model."""

Span = tuple[int | None, float, float]
"""The place of a phone in `Utterance.phones`, None for a pause, and [start_s, end_s)."""

Row = tuple[int | str, ...]
X = NOT_APPLICABLE


def labels_of(utterance: Utterance, spans: Sequence[Span], num_states: int = 0) -> Iterator[str]:
    """The lines of a label file, one a span; with `num_states`, that many lines a span, its time shared out evenly.

    Times are rounded to 100 ns, both sides of a boundary alike. An ItemError at stage "phones" names a phone that a
    label cannot hold.
    """
    check_symbols(utterance.phones)
    contexts = contexts_of(utterance, [place for place, _, _ in spans])
    for (_, start_s, end_s), context in zip(spans, contexts, strict=True):
        start, end = round(start_s * UNITS_PER_S), round(end_s * UNITS_PER_S)
        if not num_states:
            yield str(Label(start, end, context))
        for state in range(num_states):
            first, last = (start + (end - start) * number // num_states for number in (state, state + 1))
            yield str(Label(first, last, context, FIRST_STATE + state))


def check_symbols(phones: Iterable[Phone]) -> None:
    """Refuse phones that hold a sign of the format: the label would be read as another."""
    for phone in phones:
        if not phone.symbol or SIGNS & set(phone.symbol):
            raise ItemError("phones", f"the phone {phone.symbol!r} cannot stand in an HTS label")


def contexts_of(utterance: Utterance, places: Sequence[int | None]) -> Iterator[Context]:
    """The context of each place; the phones around it include the pauses."""
    table = Table.of(utterance)
    symbols = [SILENCE if place is None else utterance.phones[place].symbol for place in places]
    around = [X, X, *symbols, X, X]
    num_before = 0
    for number, place in enumerate(places):
        yield Context(**named("p", around[number : number + 5]), **table.fields(place, num_before))
        num_before = num_before if place is None else place + 1


@dataclass(frozen=True)
class Table:
    """The fields of every syllable (b), word (e) and phrase (h), and what each phone belongs to.

    A neighbour's fields are the first of these: of a syllable three, of a word and a phrase two.
    """

    syllables: list[Row]
    words: list[Row]
    phrases: list[Row]
    phones: list[tuple[int, int, int, Row]]
    """Numbers of its syllable, word and phrase, from 0; its place in the syllable, forward and backward."""

    @classmethod
    def of(cls, utterance: Utterance) -> "Table":
        """The table of an utterance."""
        vowels = iter(vowels_of(utterance))
        table = cls([], [], [], [])
        for number, phrase in enumerate(utterance.phrases):
            for place, word in enumerate(phrase, start=1):
                for syllable in word.syllables:
                    table.add_phones(syllable, number)
                table.words.append((X, len(word.syllables), *position(place, len(phrase))[:2]))
            table.syllables.extend((*row, next(vowels)) for row in syllable_rows(phrase))
            where = position(number + 1, len(utterance.phrases))[:2]
            table.phrases.append((sum(len(word.syllables) for word in phrase), len(phrase), *where))
        return table

    def add_phones(self, syllable: Sequence[Phone], phrase: int) -> None:
        """The phones of the next syllable."""
        number = self.phones[-1][0] + 1 if self.phones else 0
        for place in range(1, len(syllable) + 1):
            self.phones.append((number, len(self.words), phrase, position(place, len(syllable))[:2]))

    def fields(self, place: int | None, num_before: int) -> dict[str, str]:
        """All fields but p1 to p5, of a phone or of the pause that comes after `num_before` of them."""
        last, following = (num_before - 1, num_before) if place is None else (place, place)
        step = int(place is not None)
        whole = named("j", (len(self.syllables), len(self.words), len(self.phrases)))
        around = {**self.neighbours(last, -step, "adg"), **self.neighbours(following, step, "cfi"), **whole}
        return around if place is None else {**around, **self.own(place)}

    def neighbours(self, phone: int, step: int, letters: str) -> dict[str, str]:
        """What a phone belongs to, or what stands before or after that."""
        found: dict[str, str] = {}
        for level, (letter, rows, width) in enumerate(
            zip(letters, (self.syllables, self.words, self.phrases), (3, 2, 2), strict=True)
        ):
            number = owner(self.phones[phone], level) + step if 0 <= phone < len(self.phones) else -1
            found |= named(letter, rows[number][:width] if 0 <= number < len(rows) else (0,) * width)
        return found

    def own(self, place: int) -> dict[str, str]:
        """What a phone belongs to, and where it stands in it."""
        syllable, word, phrase, where = self.phones[place]
        own = {
            **named("b", self.syllables[syllable]),
            **named("e", self.words[word]),
            **named("h", self.phrases[phrase]),
        }
        return {**own, "p6": str(where[0]), "p7": str(where[1])}


def syllable_rows(phrase: Sequence[Word]) -> Iterator[Row]:
    """For each syllable of a phrase b1 to b15."""
    places = [
        (syllable, position(place, len(word.syllables))[:2])
        for word in phrase
        for place, syllable in enumerate(word.syllables, start=1)
    ]
    stresses = [is_stressed(syllable) for syllable, _ in places]
    for number, (syllable, in_word) in enumerate(places):
        before, after = stresses[:number], stresses[number + 1 :]
        in_phrase = position(number + 1, len(places))[:2]
        yield (
            *(int(stresses[number]), X, len(syllable), *in_word, *in_phrase, sum(before), sum(after), X, X),
            *(distance(before[::-1]), distance(after), X, X),
        )


def is_stressed(syllable: Sequence[Phone]) -> bool:
    """Whether a syllable bears any stress."""
    return any(phone.stress for phone in syllable)


def distance(stresses: Sequence[bool]) -> int:
    """How many syllables away the nearest stressed one is; 0 where there is none."""
    return next((away for away, stressed in enumerate(stresses, start=1) if stressed), 0)


def vowels_of(utterance: Utterance) -> list[str]:
    """For each syllable its vowel."""
    syllables = [syllable for word in utterance.words for syllable in word.syllables]
    sounds = iter(sounds_of([phone.symbol for phone in utterance.phones]))
    paired = [[(phone.symbol, next(sounds)) for phone in syllable] for syllable in syllables]
    return [next((symbol for symbol, sound in pairs if is_nucleus(sound)), X) for pairs in paired]


def owner(phone: tuple[int, int, int, Row], level: int) -> int:
    """The number of the syllable (level 0), word (1) or phrase (2) that a phone belongs to."""
    return phone[:3][level]


def named(letter: str, values: Iterable[int | str]) -> dict[str, str]:
    """Fields of one letter, numbered from 1."""
    return {f"{letter}{number}": str(value) for number, value in enumerate(values, start=1)}
